import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KeymountError } from '../../../provider/errors.ts';
import { Connections } from '../../../provider/sessions/connections.ts';
import { loadSettings } from '../../../provider/settings/load.ts';

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
