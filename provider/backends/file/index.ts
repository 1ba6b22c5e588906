import type { Backend } from '../backend.ts';
import { type FileConnection, fileConnection } from './connection.ts';
import { type FileRef, parseFileRef } from './ref.ts';
import { openStore, type Store } from './store.ts';

/**
 * The embedded store: a directory of YAML, JSON and plain files that the admin owns. It has no logins and no identities of its
 * own, so the connection's `allow` decides who may read what. See docs/file-store.md.
 */
export function createFileBackend(): Backend<FileConnection, FileRef> {
  // One for each directory of the configuration: what a file holds does not depend on who asks.
  const stores = new Map<string, Store>();
  return {
    kind: 'file',
    connectionSchema: fileConnection,
    scopeOf: () => 'pod',
    identityOf: ({ trustDriver }) => (trustDriver ? 'driver' : 'admin'),
    // A look at a file costs nothing, and its content is kept by the store.
    refreshInterval: 0,
    parseRef: parseFileRef,
    connect: async ({ path }, _login, { clock }) => {
      const store = stores.get(path) ?? openStore(path, clock);
      stores.set(path, store);
      return {
        expires: undefined,
        serviceAccountUid: undefined,
        // The rules are asked for each pod; what is parsed once is shared below, in the store.
        isShareable: async () => false,
        read: (refs, signal) => refs.map(({ address }) => store.read(address, signal)),
        isAuthorityLost: () => false,
        close: () => {},
      };
    },
  };
}

export const fileBackend = createFileBackend();
