import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { type Connection, Connections, checkAllowed } from '../../../provider/sessions/connections.ts';
import { loadSettings } from '../../../provider/settings/load.ts';
import type { AllowRule } from '../../../provider/settings/settings.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf, FakeStore, sourcesOf } from './fake-store.ts';

/** Connections of a configuration file. */
async function opened(text: string): Promise<Connections> {
  const { settings } = loadSettings({ argv: ['--config', '/k.yaml'], env: {}, readFile: () => text });
  return await Connections.open(settings);
}

const file = `connections:
  local: { kind: file, path: /store, trustDriver: true, allow: [{ namespaces: [shop] }] }
  vault-prod: { kind: vault, address: "https://vault.prod:8200", auth: { method: kubernetes, role: web } }
`;

describe('the connections of the configuration file', () => {
  it('are found by name, always the same object', async () => {
    const connections = await opened(file);
    const local = await connections.resolve({ kind: 'named', name: 'local' });
    assert.equal(local, await connections.resolve({ kind: 'named', name: 'local' }));
    assert.equal(local.title, 'connection "local"');
    assert.deepEqual(local.allow?.[0]?.namespaces, ['shop']);
    assert.notEqual(local.key, (await connections.resolve({ kind: 'named', name: 'vault-prod' })).key);
  });

  for (const name of ['constructor', '__proto__', 'toString', '', 'LOCAL!']) {
    it(`do not have one named ${JSON.stringify(name)}`, async () => {
      const connections = await opened(file);
      await assert.rejects(connections.resolve({ kind: 'named', name }), { code: 'connection-unknown' });
    });
  }

  it('are guessed where a class nearly names one, and not listed otherwise', async () => {
    const connections = await opened(file);
    await assert.rejects(connections.resolve({ kind: 'named', name: 'vault-prd' }), (error: KeymountError) => {
      assert.match(error.hint ?? '', /did you mean "vault-prod"\?/);
      return true;
    });
    await assert.rejects(connections.resolve({ kind: 'named', name: 'whatever' }), (error: KeymountError) => {
      assert.doesNotMatch(`${error.message} ${error.hint}`, /local|vault-prod/);
      return true;
    });
  });

  it('are checked at start, all of them at once', async () => {
    const wrong =
      'connections:\n  a: { kind: fil, path: /x }\n  b: { kind: file }\n  c: { kind: file, path: x, paths: y }\n';
    await assert.rejects(opened(wrong), (error: KeymountError) => {
      assert.equal(error.code, 'settings-invalid');
      assert.match(error.message, /connections\.a\.kind: "fil" is not one of .*did you mean file\?/);
      assert.match(error.message, /connections\.b\.path/);
      assert.match(error.message, /connections\.c\.path: must be an absolute path/);
      return true;
    });
  });
});

describe('the connections that classes describe', () => {
  const inline = (settings: Record<string, string>, profile: 'vault' | 'openbao' = 'vault') =>
    ({ kind: 'inline', backend: 'vault', profile, settings }) as const;

  it('are one for equal settings', async () => {
    const connections = await opened(file);
    const one = await connections.resolve(inline({ address: 'https://v.example:8200' }));
    assert.equal(await connections.resolve(inline({ address: 'https://v.example:8200' })), one);
    assert.notEqual(await connections.resolve(inline({ address: 'https://w.example:8200' })), one);
    assert.notEqual(await connections.resolve(inline({ address: 'https://v.example:8200' }, 'openbao')), one);
  });

  it('are never taken for a named one', async () => {
    const connections = await opened(file);
    const one = await connections.resolve(inline({}));
    assert.ok(one.key.startsWith('inline '));
    assert.equal(one.allow, undefined);
  });

  it('of no known backend are a defect, not a crash', async () => {
    const connections = await opened(file);
    const ref = { kind: 'inline', backend: 'file', profile: 'vault', settings: {} } as const;
    await assert.rejects(connections.resolve(ref), { code: 'internal' });
  });
});

describe('the permission to use a connection', () => {
  const pod = aPod({ namespace: 'shop', serviceAccount: 'web' });
  const sources = sourcesOf('shop/db', 'pay/db');

  function refusal(identity: 'pod' | 'admin' | 'driver', allow: AllowRule[] | undefined, proven: boolean) {
    const store = new FakeStore();
    store.identity = identity;
    const connection: Connection = { ...store.connection, allow };
    try {
      checkAllowed(connection, callerOf(pod, { proven }).identity, sources);
      return undefined;
    } catch (error) {
      assert.ok(error instanceof KeymountError);
      assert.equal(error.code, 'connection-not-allowed');
      return error;
    }
  }

  const all = [{}];
  const shop = [{ namespaces: ['shop'] }];
  const pay = [{ namespaces: ['pay'] }];
  const rows: [string, 'pod' | 'admin' | 'driver', AllowRule[] | undefined, boolean, boolean][] = [
    ["with the pod's own identity is the backend's to give", 'pod', undefined, false, true],
    ["with the pod's own identity can be narrowed by rules", 'pod', pay, true, false],
    ["with the admin's identity is nobody's without rules", 'admin', undefined, true, false],
    ["with the admin's identity is that of a proven pod by a rule", 'admin', shop, true, true],
    ["with the admin's identity is not that of an unproven pod, whatever the rules", 'admin', all, false, false],
    ["with the admin's identity is not that of another namespace", 'admin', pay, true, false],
    ["by the driver's word is that of an unproven pod by a rule", 'driver', shop, false, true],
    ["by the driver's word is nobody's without rules", 'driver', undefined, false, false],
  ];
  for (const [what, identity, allow, proven, permitted] of rows) {
    it(what, () => assert.equal(refusal(identity, allow, proven) === undefined, permitted));
  }

  it('is needed for every secret; the error names pod, connection, secret and its object', () => {
    const error = refusal('driver', [{ secrets: ['shop/*'] }], false);
    assert.equal(error?.message, 'connection "prod" does not allow ServiceAccount shop/web to read pay/db');
    assert.deepEqual(error.at, { path: 'objects[1]' });
  });
});
