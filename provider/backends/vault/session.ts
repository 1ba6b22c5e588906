import { KeymountError } from '../../errors.ts';
import { abortedError } from '../../net/aborted.ts';
import type { BackendDeps, Session } from '../backend.ts';
import type { VaultConnection } from './connection.ts';
import type { Authority } from './login.ts';
import { createReader, type VaultLine } from './reader.ts';
import type { VaultRef } from './ref.ts';
import { createVaultTenure } from './tenure.ts';

/** A token and what can be read with it. */
export function createVaultSession(
  connection: VaultConnection,
  line: VaultLine,
  authority: Authority,
  { clock }: BackendDeps,
): Session<VaultRef> {
  const { expires, serviceAccountUid, renewable, uses } = authority;
  const { text: server } = connection.address;
  const reader = createReader(connection, line, authority, clock);
  return {
    expires,
    // Nobody may use up what another pod needs.
    serviceAccountUid: uses.isLimited ? undefined : serviceAccountUid,
    uses,
    ...(renewable === undefined ? {} : { tenure: createVaultTenure(line.client, authority, server, clock) }),
    isShareable: reader.isShareable,
    read: (refs, signal) =>
      refs.map((ref) =>
        reader.read(ref, signal).catch((thrown: unknown) => {
          throw signal.aborted && !(thrown instanceof KeymountError) ? abortedError(signal, server) : thrown;
        }),
      ),
    // OpenBao and Vault answer 403 alike for a token that ended and for a path that it may not read.
    isAuthorityLost: ({ code }) => code === 'secret-denied' || code === 'token-used-up',
    // The connections belong to the backend, and its tenure ends the token.
    close: () => {},
  };
}
