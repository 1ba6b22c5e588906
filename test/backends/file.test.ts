import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Login } from '../../provider/backends/backend.ts';
import { createFileBackend } from '../../provider/backends/file/index.ts';
import { KeymountError } from '../../provider/errors.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { backendContract, connect, type Harness, noCluster, sourceOf } from './contract.ts';

const login: Login = {
  identity: {
    namespace: 'shop',
    serviceAccount: 'web',
    serviceAccountUid: undefined,
    pod: 'web-1',
    podUid: '1',
    proven: false,
  },
  role: undefined,
  audience: undefined,
  token: () => Promise.reject(new KeymountError('token-missing', 'the file store asks for no token')),
  publishSecrets: new Map(),
  ...noCluster,
};

type Harnessed = Pick<Harness, 'put' | 'remove'>;

async function harness(path: string, { put, remove }: Harnessed): Promise<Harness> {
  return {
    backend: createFileBackend() as Harness['backend'],
    settings: { path },
    login,
    address: (name) => name,
    put,
    remove,
    close: async () => rmSync(path, { recursive: true }),
  };
}

/** Files that their owner writes in place. */
async function directory(): Promise<Harness> {
  const path = scratchFolder('store');
  const fileOf = (name: string) => join(path, `${name}.json`);
  return harness(path, {
    async put(name, json) {
      mkdirSync(dirname(fileOf(name)), { recursive: true });
      writeFileSync(fileOf(name), json);
    },
    remove: async (name) => rmSync(fileOf(name)),
  });
}

/** The mount of a Kubernetes Secret: everything is replaced at once, by a new `..data`. */
async function kubernetesVolume(): Promise<Harness> {
  const path = scratchFolder('store');
  const secrets = new Map<string, string>();
  let current: string | undefined;
  const publish = async () => {
    const next = mkdtempSync(join(path, '..2026_'));
    for (const [name, json] of secrets) {
      mkdirSync(dirname(join(next, name)), { recursive: true });
      writeFileSync(join(next, `${name}.json`), json);
    }
    symlinkSync(next.slice(path.length + 1), join(path, '..data_tmp'));
    renameSync(join(path, '..data_tmp'), join(path, '..data'));
    for (const top of new Set([...secrets.keys()].map((name) => name.split('/', 1)[0] ?? ''))) {
      rmSync(join(path, top), { force: true });
      symlinkSync(`..data/${top}`, join(path, top));
    }
    if (current !== undefined) rmSync(current, { recursive: true });
    current = next;
  };
  return harness(path, {
    put: (name, json) => publishWith(() => secrets.set(name, json)),
    remove: (name) => publishWith(() => secrets.delete(name)),
  });

  async function publishWith(change: () => unknown): Promise<void> {
    change();
    await publish();
  }
}

backendContract('file, a directory', directory);
backendContract('file, a Kubernetes volume', kubernetesVolume);

describe('the file backend', () => {
  let store: Harness;
  before(async () => {
    store = await directory();
    await store.put('shop/db', '{"k":"v"}');
  });
  after(() => store.close());

  it('goes by the admin’s rules for proven pods, and by the driver’s word only where it is told to', () => {
    const { connectionSchema, identityOf, scopeOf } = store.backend;
    assert.equal(identityOf(connectionSchema.parse({ path: '/store' })), 'admin');
    assert.equal(identityOf(connectionSchema.parse({ path: '/store', trustDriver: true })), 'driver');
    assert.equal(scopeOf(connectionSchema.parse({ path: '/store' })), 'pod');
  });

  it('wants an absolute path and a boolean', () => {
    const messages = (settings: object) =>
      store.backend.connectionSchema
        .safeParse(settings)
        .error?.issues.map(({ path, message }) => `${path}: ${message}`);
    assert.deepEqual(messages({ path: 'secrets' }), ['path: must be an absolute path']);
    assert.match(String(messages({ path: '/s', trustDriver: 'true' })), /^trustDriver: /);
    assert.match(String(messages({})), /^path: /);
    assert.equal(messages({ path: '/s' }), undefined);
  });

  it('parses a file once for all pods, also after a session was closed', async () => {
    const refs = [store.backend.parseRef(sourceOf('shop/db'))];
    const signal = new AbortController().signal;
    const one = await connect(store);
    const [first] = await Promise.all(one.read(refs, signal));
    one.close();
    const [second] = await Promise.all((await connect(store)).read(refs, signal));
    assert.equal(second?.keys, first?.keys);
    assert.equal(one.expires, undefined);
  });

  it('needs no token', async () => {
    await connect(store);
  });
});
