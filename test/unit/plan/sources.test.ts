import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type NewSource, Sources } from '../../../provider/plan/sources.ts';

const source = (parts: Partial<NewSource> = {}): NewSource => ({
  access: { connection: { kind: 'named', name: 'prod' } },
  address: 'kv/db',
  at: { path: 'objects[0]' },
  ...parts,
});

function listOf(...added: NewSource[]) {
  const sources = new Sources();
  for (const one of added) sources.add(one);
  return sources.list;
}

describe('the sources of a class', () => {
  it('are numbered in the order of the class', () => {
    const sources = new Sources();
    assert.equal(sources.add(source({ address: 'a' })), 0);
    assert.equal(sources.add(source({ address: 'b' })), 1);
    assert.equal(sources.add(source({ address: 'a' })), 0);
    assert.deepEqual(
      sources.list.map(({ address }) => address),
      ['a', 'b'],
    );
  });

  it('stand at the first object that needs them', () => {
    const [shared] = listOf(source({ at: { path: 'objects[3]' } }), source({ at: { path: 'objects[5]' } }));
    assert.equal(shared?.at.path, 'objects[3]');
  });

  it('are one with the first before it that has arguments, for an object without', () => {
    const request = (method: string, name?: string) =>
      source({ address: '/v1/pki/issue/web', request: { method, ...(name === undefined ? {} : { args: { name } }) } });
    const sources = new Sources();
    const placed = [
      request('PUT'),
      request('PUT', 'a'),
      request('PUT', 'b'),
      request('PUT'),
      request('POST'),
      source({ ...request('PUT'), access: { connection: { kind: 'named', name: 'test' } } }),
      source({ ...request('PUT'), refresh: 5 }),
      source({ address: '/v1/x', request: { method: 'GET', args: { a: '1' } } }),
      source({ address: '/v1/x' }),
      source({ address: '/v1/y' }),
    ].map((one) => sources.addWithArgs(one));
    assert.deepEqual(placed, [0, 1, 2, 1, 3, 4, 1, 5, 5, 6]);
    assert.equal(sources.list[1]?.refresh, 5);
  });

  const others: [string, Partial<NewSource>][] = [
    ['address', { address: 'kv/other' }],
    ['version', { version: '1' }],
    ['type', { type: 'ssm' }],
    ['connection', { access: { connection: { kind: 'named', name: 'test' } } }],
    ['role', { access: { connection: { kind: 'named', name: 'prod' }, role: 'r' } }],
    ['audience', { access: { connection: { kind: 'named', name: 'prod' }, audience: 'r' } }],
    ['method', { request: { method: 'GET' } }],
    ['arguments', { request: { method: 'GET', args: {} } }],
  ];
  for (const [what, parts] of others) {
    it(`differ by ${what}`, () => assert.equal(listOf(source(), source(parts)).length, 2));
  }

  it('of one access have one access key, others another', () => {
    const [a, b, c] = listOf(
      source(),
      source({ address: 'x' }),
      source({ access: { connection: { kind: 'named', name: 'x' } } }),
    );
    assert.equal(a?.accessKey, b?.accessKey);
    assert.notEqual(a?.accessKey, c?.accessKey);
  });

  it('do not take a named connection for one that a class describes with the same words', () => {
    const inline = { kind: 'inline', backend: 'named', profile: 'vault', settings: {} } as const;
    const [a, b] = listOf(source(), source({ access: { connection: inline } }));
    assert.notEqual(a?.accessKey, b?.accessKey);
  });
});

describe('how fresh a shared source is', () => {
  it('is decided by the object that wants it fresher', () => {
    for (const [one, other] of [
      [60_000, 5_000],
      ['once', 60_000],
      ['once', 0],
      [1, 0],
    ] as const) {
      assert.equal(listOf(source({ refresh: one }), source({ refresh: other }))[0]?.refresh, other);
      assert.equal(listOf(source({ refresh: other }), source({ refresh: one }))[0]?.refresh, other);
    }
  });

  it('may be outdated only as long as every object allows', () => {
    assert.equal(listOf(source({ staleOnError: 10 }), source({ staleOnError: 5 }))[0]?.staleOnError, 5);
    assert.equal(listOf(source({ staleOnError: 10 }), source())[0]?.staleOnError, undefined);
    assert.equal(listOf(source(), source({ staleOnError: 10 }))[0]?.staleOnError, undefined);
  });
});
