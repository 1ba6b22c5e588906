import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseClass } from '../../../../provider/plan/parse.ts';
import type { Plan } from '../../../../provider/plan/plan.ts';
import { mistakesOf, type Parameters, planOf, warningsOf } from '../a-class.ts';

const vault = { keyvaultName: 'shop-kv', tenantID: 'tid', clientID: 'cid' };

/** A class with these objects, each the lines of its text. */
function azureClass(objects: string[][], more: Parameters = {}): Parameters {
  const items = objects.map((lines) => `  - |\n${lines.map((line) => `    ${line}\n`).join('')}`);
  return { ...vault, objects: `array:\n${items.join('')}`, ...more };
}

const secret = (...more: string[]) => ['objectName: db', 'objectType: secret', ...more];
const one = (...more: string[]) => planOf('azure', azureClass([secret(...more)]));
const wrong = (...more: string[]) => mistakesOf('azure', azureClass([secret(...more)])).join(' | ');
const warned = (...more: string[]) => warningsOf('azure', azureClass([secret(...more)])).join(' | ');
const files = ({ outputs }: Plan) => outputs.map(({ path, versionId }) => `${path} ${versionId}`);

describe('an Azure class', () => {
  it('reads each kind of object from its collection, under its own ids and versions', () => {
    const plan = planOf(
      'azure',
      azureClass([
        ['objectName: db', 'objectType: secret'],
        ['objectName: sign', 'objectType: key', 'objectAlias: keys/sign.pem'],
        ['objectName: web', 'objectType: cert', 'objectVersion: abc1'],
      ]),
    );
    assert.deepEqual(
      plan.sources.map(({ address, version }) => [address, version]),
      [
        ['secrets/db', undefined],
        ['keys/sign', undefined],
        ['certificates/web', 'abc1'],
      ],
    );
    assert.deepEqual(files(plan), ['db secret/db', 'keys/sign.pem key/sign', 'web cert/web']);
    assert.ok(plan.outputs.every(({ backendVersion }) => backendVersion));
    assert.equal(plan.sources[2]?.refresh, 'once');
  });

  it('trims every value, as the Go provider does', () => {
    const objects = 'array:\n- |\n  objectName: "  s1  "\n  objectType: " secret "\n  objectAlias: " al "\n';
    const plan = planOf('azure', { keyvaultName: ' shop-kv ', tenantID: ' tid\n', clientID: ' cid ', objects });
    assert.equal(plan.sources[0]?.address, 'secrets/s1');
    assert.equal(plan.outputs[0]?.path, 'al');
    const { connection } = plan.sources[0]?.access ?? {};
    assert.ok(connection?.kind === 'inline');
    assert.deepEqual(connection.settings, { vault: 'shop-kv', tenant: 'tid', clientId: 'cid' });
  });

  it('takes an empty version and latest for the newest', () => {
    for (const line of ['objectVersion: ""', 'objectVersion: latest', 'objectVersion:']) {
      assert.equal(one(line).sources[0]?.version, undefined, line);
    }
    assert.equal(one('version: 7f').sources[0]?.version, '7f');
    assert.match(wrong('version: 7f', 'objectVersion: 8e'), /means the same as objectVersion/);
  });

  it('makes exactly as many files of a history as it says, of which all but the newest may be missing', () => {
    const plan = one('objectVersionHistory: 3', 'objectAlias: h');
    assert.deepEqual(files(plan), ['h/0 secret/db/0', 'h/1 secret/db/1', 'h/2 secret/db/2']);
    assert.deepEqual(
      plan.sources.map(({ address }) => address),
      ['secrets/db~0', 'secrets/db~1', 'secrets/db~2'],
    );
    assert.deepEqual(
      plan.outputs.map(({ optional }) => optional),
      [false, true, true],
    );
    for (const few of ['0', '1', '']) assert.deepEqual(files(one(`objectVersionHistory: ${few}`)), ['db secret/db']);
    assert.match(wrong('objectVersionHistory: -1'), /objectVersionHistory.*number of versions/);
    assert.match(wrong('objectVersionHistory: 2000'), /at most 100/);
  });

  it('mounts one secret as PEM and as PFX, decoded or not, from one read', () => {
    const plan = planOf(
      'azure',
      azureClass([
        secret('objectFormat: PFX', 'objectAlias: a'),
        secret('objectFormat: pem', 'objectAlias: b'),
        secret('objectEncoding: BasE64', 'objectAlias: c'),
      ]),
    );
    assert.equal(plan.sources.length, 1);
    assert.deepEqual(
      plan.outputs.map(({ select, decode }) => [select, decode]),
      [
        [{ part: 'value' }, 'utf-8'],
        [{ whole: 'keys' }, 'utf-8'],
        [{ whole: 'keys' }, 'base64'],
      ],
    );
  });

  it('writes certificate and key into files of their own where the admin wants that', () => {
    const parameters = new Map(Object.entries(azureClass([secret(), ['objectName: k', 'objectType: key']])));
    const plan = parseClass('azure', parameters, { separateCertAndKey: true });
    assert.deepEqual(
      plan.outputs.map(({ path, select, optional }) => [path, 'part' in select ? select.part : 'whole', optional]),
      [
        ['db.crt', 'certificates', true],
        ['db.key', 'key', true],
        ['db', 'whole', false],
        ['k', 'whole', false],
      ],
    );
  });

  it('has the common keys', () => {
    const [key, path] = [one('key: user', 'optional: true'), one('jmesPath: a.b', 'refreshInterval: 5m')];
    assert.deepEqual([key.outputs[0]?.select, key.outputs[0]?.optional], [{ key: 'user' }, true]);
    assert.deepEqual([path.outputs[0]?.select, path.sources[0]?.refresh], [{ jmesPath: 'a.b' }, 300_000]);
    assert.match(warned('template: x'), /template.*not supported by this version of keymount and is ignored/);
    const named = planOf('azure', { connection: 'kv', objects: azureClass([secret()])['objects'] ?? '' });
    assert.deepEqual(named.sources[0]?.access, { connection: { kind: 'named', name: 'kv' } });
  });

  it('reads permissions as octal however they are written', () => {
    for (const text of ['0400', '400', '"0400"', '0o400']) {
      assert.equal(one(`filePermission: ${text}`).outputs[0]?.mode, 0o400, text);
    }
    for (const text of ['0900', '1777', '-1', 'rw']) assert.match(wrong(`filePermission: ${text}`), /filePermission/);
    assert.equal(one('filePermission: ""').outputs[0]?.mode, undefined);
  });

  it('tells all mistakes of an object with its name, each in its line of the class', () => {
    const mistakes = mistakesOf(
      'azure',
      azureClass([secret(), ['objectName: c1', 'objectType: cert', 'objectFormat: pfx', 'objectEncoding: hex']]),
    );
    assert.deepEqual(mistakes, [
      'objects[1].objectFormat "c1" (line 8): PFX format only supported for objectType: secret',
      'objects[1].objectEncoding "c1" (line 9): objectEncoding only supported for objectType: secret',
    ]);
    assert.match(wrong('objectFormat: pkcs'), /objectFormat "db".*"pkcs", but should be PEM or PFX/);
    assert.match(wrong('objectEncoding: utf-16'), /objectEncoding "db".*"utf-16", but should be hex, base64 or utf-8/);
    assert.match(mistakesOf('azure', azureClass([['objectName: x', 'objectType: Secret']])).join(), /objectType "x"/);
    assert.match(mistakesOf('azure', azureClass([['objectType: secret']])).join(), /file name must not be empty/);
    assert.match(wrong('objectAlias: a//b'), /"a\/\/b" is no path/);
    assert.equal(wrong('encoding: hex', 'permission: "0400"', 'objectEnconding: hex'), '');
    assert.match(warned('encoding: hex'), /is ignored; did you mean objectEncoding/);
    assert.match(
      mistakesOf('azure', azureClass([['objectname: x', 'objectType: secret']])).join(),
      /did you mean objectName/,
    );
  });

  it('is refused when it is made to be large, before that takes long', () => {
    const started = performance.now();
    const many = `array:\n${'- "a: b"\n'.repeat(12_000)}`;
    assert.match(mistakesOf('azure', { ...vault, objects: many }).join(), /more than 1000 objects/);
    const histories = Array.from({ length: 900 }, (_, index) => [
      `objectName: n${index}`,
      'objectType: secret',
      'objectVersionHistory: 100',
    ]);
    assert.match(mistakesOf('azure', azureClass(histories)).join(), /5000 files or more/);
    assert.ok(performance.now() - started < 5_000);
  });

  it('refuses two objects for one file', () => {
    assert.match(mistakesOf('azure', azureClass([secret(), secret()])).join(), /objects\[1\].*and objects\[0\]/);
  });

  it('refuses objects in the form of other providers, and shows the right one', () => {
    const mistakeOf = (objects: string) => mistakesOf('azure', { ...vault, objects }).join();
    assert.match(mistakeOf('- objectName: s1\n  objectType: secret\n'), /must have the list array/);
    assert.match(mistakeOf('array:\n- objectName: s1\n  objectType: secret\n'), /objects\[0\] \(line 2\).*'- \|'/);
    assert.match(mistakeOf('array:\n'), /empty array/);
    assert.match(mistakeOf('array: x\n'), /list in array/);
    assert.match(mistakeOf(' '), /objects: is not set/);
    assert.match(mistakeOf('array:\n- |\n  a: b: c\n'), /objects\[0\] \(line 3\): is not valid YAML/);
    assert.match(mistakeOf('array:\n- just text\n'), /fields of an object/);
  });
});

describe('parameters of an Azure class', () => {
  const mistakes = (more: Parameters) => mistakesOf('azure', azureClass([secret()], more)).join(' | ');

  it('name a vault as Azure allows it', () => {
    assert.match(mistakes({ keyvaultName: '' }), /keyvaultName: is missing/);
    assert.match(mistakes({ keyvaultName: 'kv' }), /Invalid vault name: "kv", must be between 3 and 24 chars/);
    assert.match(mistakes({ keyvaultName: 'kv_test' }), /"kv_test", must match/);
    assert.match(mistakes({ keyvaultName: 'evil.test/x' }), /evil\.test/);
    const { keyvaultName: _, ...without } = azureClass([secret()], { keyVaultName: 'shop-kv' });
    assert.match(mistakesOf('azure', without).join(), /spelled keyvaultName, not keyVaultName/);
  });

  it('read booleans as Go does, and allow one identity mode', () => {
    assert.match(mistakes({ usePodIdentity: 'tru' }), /usePodIdentity: must be "true" or "false", not "tru"/);
    assert.match(mistakes({ useVMManagedIdentity: 'yes' }), /useVMManagedIdentity/);
    assert.equal(mistakes({ usePodIdentity: ' false ', useVMManagedIdentity: '0', useAzureTokenProxy: 'F' }), '');
    const two = mistakes({ useVMManagedIdentity: 'True', useAzureTokenProxy: 't' });
    assert.match(two, /only one identity mode can be enabled at a time: usePodIdentity, useVMManagedIdentity/);
  });

  it('show the way from pod identity to workload identity', () => {
    assert.match(
      mistakes({ usePodIdentity: '1' }),
      /archived.*workload identity.*azure\.workload\.identity\/client-id/,
    );
  });

  it('prefer tenantID to tenantId, and the node’s identity to the pod’s', () => {
    const settingsOf = (more: Parameters) => {
      const { connection } = planOf('azure', azureClass([secret()], more)).sources[0]?.access ?? {};
      return connection?.kind === 'inline' ? connection.settings : undefined;
    };
    assert.equal(settingsOf({ tenantId: 'old' })?.['tenant'], 'tid');
    assert.equal(settingsOf({ tenantId: 'old', tenantID: '' })?.['tenant'], 'old');
    const node = settingsOf({ useVMManagedIdentity: 'true', userAssignedIdentityID: 'uami' });
    assert.deepEqual([node?.['mode'], node?.['clientId']], ['useVMManagedIdentity', 'uami']);
  });

  it('warn of what counts for nothing', () => {
    const warnings = (more: Parameters) => warningsOf('azure', azureClass([secret()], more)).join();
    assert.match(warnings({ userAssignedIdentityID: 'uami' }), /counts only with useVMManagedIdentity/);
    assert.match(warnings({ clientId: 'cid' }), /clientId.*did you mean clientID/);
    assert.equal(warnings({ resourceGroup: 'rg', subscriptionId: 's' }), '');
  });

  it('cannot redirect a named connection', () => {
    const objects = azureClass([secret()])['objects'] ?? '';
    const found = mistakesOf('azure', { connection: 'kv', keyvaultName: 'mine', objects }).join();
    assert.match(found, /a named connection brings its own vault/);
  });
});
