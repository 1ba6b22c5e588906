import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadBackend } from '../../provider/backends/registry.ts';
import { commonKeys, laterKeys } from '../../provider/plan/common-keys.ts';
import { vaultFields } from '../../provider/plan/dialects/vault-object.ts';
import { mistakesOf, warningsOf } from '../unit/plan/a-class.ts';
import { codesOf, readPage, tableRows } from './page.ts';

const classPage = readPage('docs/class.md');
const vaultPage = readPage('docs/vault.md');

/** First cells of a page's tables with that title, as their one `code`. */
const names = (page: string, title: string) => tableRows(page, title).map(([first = '']) => codesOf(first)[0] ?? first);
const section = (page: string, heading: string) => page.split(`\n${heading}\n`)[1]?.split(/\n#+ /)[0] ?? '';

describe('the tables of docs/class.md', () => {
  it('have the parameters of the native format', () => {
    const objects = '- {file: a, secret: s, connection: c}';
    const given = names(section(classPage, '## Parameters'), 'parameter').map((name) => [name, '']);
    assert.equal(given.length, 6);
    assert.deepEqual(warningsOf('keymount', { ...Object.fromEntries(given), objects }), []);
  });

  it('have the keys of an object, all of them', () => {
    const own = names(section(classPage, '## Objects'), 'key');
    const common = names(section(classPage, '## Keys of every format'), 'key');
    const [told = ''] = mistakesOf('keymount', { connection: 'c', objects: '- {file: a, secret: s, xyzzy: 1}' });
    const known = told.replace(/.*known are /, '').split(', ');
    assert.deepEqual([...own, ...common].sort(), known.sort());
    assert.deepEqual(common, [...commonKeys]);
  });

  it('name the keys that are not there yet', () => {
    const text = /are not there yet and are refused: (.*?)\./s.exec(classPage)?.[1] ?? '';
    assert.deepEqual(codesOf(text), [...laterKeys]);
  });

  it('have the settings of a connection to Vault, and their defaults', async () => {
    const rows = tableRows(section(classPage, '### `kind: vault` and `kind: openbao`'), 'setting');
    const defaults = Object.fromEntries(rows.map(([name = '', , value = '']) => [codesOf(name)[0], codesOf(value)[0]]));
    const schema = (await loadBackend('vault'))?.connectionSchema;
    const plain = { address: 'https://vault.example.com:8200' };
    const written = {
      ...plain,
      namespace: 'n',
      tls: {
        ca: '/a',
        caDir: '/b',
        serverName: 's',
        cert: '/c',
        key: '/k',
        skipVerify: defaults['tls.skipVerify'] === 'true',
      },
      auth: { method: 'kubernetes' },
      timeout: defaults['timeout'],
      retries: Number(defaults['retries']),
      maxConcurrent: Number(defaults['maxConcurrent']),
      proxy: 'http://proxy.example:3128',
      allowedAddresses: JSON.parse(defaults['allowedAddresses'] ?? ''),
    };
    const paths = Object.entries(written).flatMap(([name, value]) =>
      name === 'tls' ? Object.keys(value as object).map((key) => `tls.${key}`) : [name],
    );
    assert.deepEqual(Object.keys(defaults).sort(), paths.sort());
    const pick = (value: unknown) => {
      const { timeout, retries, maxConcurrent, alsoAt, auth } = value as Record<string, unknown>;
      return { timeout, retries, maxConcurrent, alsoAt, auth };
    };
    assert.deepEqual(pick(schema?.parse(written)), pick(schema?.parse(plain)));
  });

  it('have the ways to log in with their settings and defaults', async () => {
    const schema = (await loadBackend('vault'))?.connectionSchema;
    const tls = { cert: '/c', key: '/k' };
    const rows = tableRows(classPage, '`auth.method`');
    assert.deepEqual(
      rows.map(([method = '']) => codesOf(method)[0]),
      ['kubernetes', 'jwt', 'approle', 'cert', 'token-file'],
    );
    for (const [method = '', , settings = ''] of rows) {
      const name = codesOf(method)[0];
      const mount = /`mount` \(`([^`]+)`\)/.exec(settings)?.[1];
      const needed = name === 'token-file' ? { path: '/t' } : {};
      const auth = { method: name, ...needed, ...(mount === undefined ? {} : { mount }) };
      const parse = (each: object) => schema?.parse({ address: 'https://v', tls, auth: each }) as { auth: object };
      assert.deepEqual(parse(auth).auth, parse({ method: name, ...needed }).auth);
      for (const setting of codesOf(settings).filter((code) => code !== mount && code !== 'path')) {
        assert.ok(parse({ ...auth, [setting]: 'x' }), `${name} takes ${setting}`);
      }
    }
  });
});

describe('the tables of docs/vault.md', () => {
  it('have the keys of an object, all of them', () => {
    const own = names(section(vaultPage, '## Objects'), 'key');
    assert.deepEqual([...own, ...commonKeys].sort(), [...vaultFields.known].sort());
  });

  it('have parameters that the dialects know, with every prefix that OpenBao has', () => {
    const known = names(section(vaultPage, '## Parameters'), 'parameter');
    assert.equal(known.length, 16);
    const usual = { roleName: 'r', objects: '- {objectName: a, secretPath: s/a}' };
    for (const name of known.filter((each) => !Object.hasOwn(usual, each))) {
      const spellings = name.startsWith('vault')
        ? ['vault', 'openbao', 'bao'].map((each) => name.replace('vault', each))
        : [name];
      for (const spelling of spellings) assert.deepEqual(warningsOf('openbao', { ...usual, [spelling]: '' }), []);
      // an empty value counts as not given
      assert.deepEqual(warningsOf('vault', { ...usual, [name]: '' }), []);
    }
  });
});
