import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { schemaProblems } from '../../../provider/settings/schema-problems.ts';
import { load, mistakes } from './loading.ts';

const lines = (...text: string[]) => text.join('\n');

describe('connections', () => {
  it('are handed on as they are written, numbers typed only where they print the same', () => {
    const { connections } = load({
      file: lines(
        'connections:',
        '  vault-prod:',
        '    kind: vault',
        '    address: https://vault:8200',
        '    tls: { skipVerify: false, ca: ~ }',
        '    timeout: 10s',
        '    retries: 2',
        '    mode: 0400',
        '    version: 1.10',
        '    big: 12345678901234567890',
        '    word: yes',
        '    quoted: "2"',
        '    allow: [ { namespaces: [shop, "pay-*"], serviceAccounts: ["*"] } ]',
        '  local: { kind: file, path: /etc/secrets, allow: [ { secrets: [007] } ] }',
      ),
    }).settings;
    assert.equal(
      JSON.stringify(connections),
      JSON.stringify({
        'vault-prod': {
          kind: 'vault',
          address: 'https://vault:8200',
          tls: { skipVerify: false, ca: null },
          timeout: '10s',
          retries: 2,
          mode: '0400',
          version: '1.10',
          big: '12345678901234567890',
          word: 'yes',
          quoted: '2',
          allow: [{ namespaces: ['shop', 'pay-*'], serviceAccounts: ['*'] }],
        },
        local: { kind: 'file', path: '/etc/secrets', allow: [{ secrets: ['007'] }] },
      }),
    );
  });

  it('have no names but their own', () => {
    const { connections } = load({ file: 'connections: { web: { kind: file } }' }).settings;
    for (const name of ['constructor', 'toString', '__proto__']) assert.equal(connections[name], undefined);
  });

  const name = 'a name has up to 63 letters, digits, -, _ and ., beginning with a letter or digit';
  const refused: readonly [string, string[]][] = [
    ['connections: [a]', ['1 connections: must be a map from names to connections']],
    ['connections: a', ['1 connections: must be a map from names to connections']],
    ['connections: { a: }', ['1 connections.a: must be a map with kind and the settings of that backend']],
    ['connections: { a: {} }', ['1 connections.a.kind: must be of type string']],
    ['connections: { a: { kind: 5 } }', ['1 connections.a.kind: must be of type string']],
    ['connections: { __proto__: { kind: file } }', [`1 connections.__proto__: ${name}`]],
    ['connections: { "a b": { kind: file } }', [`1 connections.a b: ${name}`]],
    [
      lines(
        'connections:',
        '  a:',
        '    kind: file',
        '    allow:',
        '      - namespace: [shop]',
        '      - namespaces: shop',
      ),
      [
        '5 connections.a.allow.0.namespace: is not a known setting; did you mean namespaces?',
        '6 connections.a.allow.1.namespaces: must be of type array',
      ],
    ],
    [
      'connections: { a: { kind: file, allow: [{}] } }',
      ['1 connections.a.allow.0: an allow rule needs namespaces, serviceAccounts or secrets'],
    ],
    [
      'connections: { a: { kind: vault, allow: [{ methods: [GET] }] } }',
      ['1 connections.a.allow.0: an allow rule needs namespaces, serviceAccounts or secrets'],
    ],
    [
      'connections: { a: { kind: vault, allow: [{ secrets: [x], methods: [DELETE] }] } }',
      ['1 connections.a.allow.0.methods.0: must be one of GET, LIST, PUT, POST'],
    ],
    [
      'connections: { a: { kind: file, allow: { namespaces: [a] } } }',
      ['1 connections.a.allow: must be of type array'],
    ],
    [
      'connections: { a: { kind: file, allow: [{ secrets: [] }] } }',
      ['1 connections.a.allow.0.secrets: Too small: expected array to have >=1 items'],
    ],
  ];
  for (const [file, problems] of refused) {
    it(`are refused, with the line: ${JSON.stringify(file)}`, () => {
      assert.deepEqual(
        mistakes({ file }),
        problems.map((problem) => `/etc/keymount.yaml:${problem}`),
      );
    });
  }
});

describe("the mistakes that a backend's schema finds", () => {
  const schema = z.strictObject({
    address: z.url(),
    tls: z.strictObject({ serverName: z.string().optional(), ca: z.string().optional() }).optional(),
    hosts: z.array(z.strictObject({ name: z.string() })).default([]),
    auth: z.enum(['kubernetes', 'jwt']),
  });

  it('have the line and the nearest name, and no value', () => {
    const { settings, placeOf } = load({
      file: lines(
        'connections:',
        '  a:',
        '    kind: x',
        '    adress: CANARY',
        '    tls:',
        '      servername: CANARY',
        '    hosts:',
        '      - nam: CANARY',
        '        name: 5',
        '    auth: CANARY',
      ),
    });
    const { kind, ...rest } = settings.connections['a'] ?? { kind: '' };
    assert.equal(kind, 'x');
    const { error } = schema.safeParse(rest);
    assert.ok(error !== undefined);
    const found = schemaProblems(error, schema, ['connections', 'a'], placeOf);
    assert.deepEqual(
      found.map(({ from, message }) => `${from.replace('/etc/keymount.yaml:', '')}: ${message}`).toSorted(),
      [
        '10 connections.a.auth: Invalid option: expected one of "kubernetes"|"jwt"',
        '2 connections.a.address: must be of type string',
        '4 connections.a.adress: is not a known setting; did you mean address?',
        '6 connections.a.tls.servername: is not a known setting; did you mean serverName?',
        '8 connections.a.hosts.0.nam: is not a known setting; did you mean name?',
        '9 connections.a.hosts.0.name: must be of type string',
      ],
    );
  });
});
