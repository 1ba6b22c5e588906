import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AskedFor } from '../../../provider/backends/backend.ts';
import { denialOf, matches } from '../../../provider/sessions/allow.ts';
import type { AllowRule } from '../../../provider/settings/settings.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf } from './fake-store.ts';

describe('a pattern', () => {
  const yes: [string, string][] = [
    ['shop', 'shop'],
    ['*', 'anything/at all'],
    ['*', ''],
    ['pay-*', 'pay-eu'],
    ['pay-*', 'pay-'],
    ['*-eu', 'pay-eu'],
    ['shop/*', 'shop/db'],
    ['shop/*/db', 'shop/a/b/db'],
    ['a*b*c', 'abc'],
    ['a*b*c', 'axxbxxc'],
    ['a*b*c', 'abbbcbc'],
    ['**', 'x'],
    ['*a*', 'a'],
    ['*aa*aa*', 'aaaa'],
    ['a*a', 'aa'],
    ['[x].(y)+$', '[x].(y)+$'],
    ['é*', 'éa'],
  ];
  for (const [pattern, text] of yes) it(`${pattern} matches "${text}"`, () => assert.ok(matches(pattern, text)));

  const no: [string, string][] = [
    ['shop', 'Shop'],
    ['shop', 'shop2'],
    ['shop', 'myshop'],
    ['', 'a'],
    ['pay-*', 'pay'],
    ['pay-*', 'xpay-eu'],
    ['*-eu', 'pay-eu-x'],
    ['a*a', 'a'],
    ['ab*ba', 'aba'],
    ['a*b*c', 'acb'],
    ['*aa*aa*', 'aaa'],
    ['shop/*', 'shop'],
    ['shop/*', 'shopping/db'],
    ['s.op', 'shop'],
    ['sho?', 'shop'],
    ['[a-z]*', 'shop'],
  ];
  for (const [pattern, text] of no) it(`${pattern} does not match "${text}"`, () => assert.ok(!matches(pattern, text)));

  it('takes no time that grows with what a pod can choose', () => {
    const started = process.cpuUsage().user;
    matches(`${'*a'.repeat(2000)}b`, 'a'.repeat(100_000));
    matches(`*${'a'.repeat(1000)}b*`, 'a'.repeat(100_000));
    assert.ok(process.cpuUsage().user - started < 1_000_000);
  });
});

describe('the rules of a connection', () => {
  const { identity } = callerOf(aPod({ namespace: 'shop', serviceAccount: 'web' }));
  const denied = (rules: AllowRule[], ...names: string[]) =>
    names.filter((name) => denialOf(rules, identity, { method: 'GET', name }) !== undefined);

  it('let nobody read anything where there are none', () => {
    assert.deepEqual(denied([], 'a', 'b'), ['a', 'b']);
  });

  it('let all pods read everything by an empty one', () => assert.deepEqual(denied([{}], 'a'), []));

  it('count for their namespaces and ServiceAccounts alone', () => {
    assert.deepEqual(denied([{ namespaces: ['shop'] }], 'a'), []);
    assert.deepEqual(denied([{ namespaces: ['sh*', 'x'] }], 'a'), []);
    assert.deepEqual(denied([{ namespaces: ['pay'] }], 'a'), ['a']);
    assert.deepEqual(denied([{ namespaces: ['shop'], serviceAccounts: ['web'] }], 'a'), []);
    assert.deepEqual(denied([{ namespaces: ['shop'], serviceAccounts: ['db'] }], 'a'), ['a']);
    assert.deepEqual(denied([{ namespaces: [] }], 'a'), ['a']);
    assert.deepEqual(denied([{ secrets: [] }], 'a'), ['a']);
  });

  it('do not mix: one rule must let the pod and the secret through', () => {
    const rules = [
      { namespaces: ['shop'], secrets: ['shop/*'] },
      { namespaces: ['pay'], secrets: ['pay/*'] },
    ];
    assert.deepEqual(denied(rules, 'shop/db', 'pay/db'), ['pay/db']);
  });

  it('may each let a part of the secrets through', () => {
    const rules = [
      { namespaces: ['shop'], secrets: ['shop/*'] },
      { serviceAccounts: ['web'], secrets: ['tls'] },
    ];
    assert.deepEqual(denied(rules, 'shop/db', 'tls', 'pay/db'), ['pay/db']);
  });

  it('let nobody through whose namespace or ServiceAccount the driver did not say', () => {
    for (const unknown of [{ namespace: '' }, { serviceAccount: '' }]) {
      assert.equal(denialOf([{}], { ...identity, ...unknown }, { method: 'GET', name: 'a' }), 'secret');
    }
  });

  const rows: readonly [string, AllowRule, AskedFor, ReturnType<typeof denialOf>][] = [
    ['let a plain read through', {}, { method: 'GET', name: 'a' }, undefined],
    ['let no write through', {}, { method: 'PUT', name: 'a' }, 'method'],
    ['let no list through', { secrets: ['a'] }, { method: 'LIST', name: 'a' }, 'method'],
    ['let the methods through that they name', { methods: ['PUT'] }, { method: 'PUT', name: 'a' }, undefined],
    ['take PUT and POST for one', { methods: ['POST'] }, { method: 'PUT', name: 'a' }, undefined],
    ['let no read through where they name a write alone', { methods: ['PUT'] }, { method: 'GET', name: 'a' }, 'method'],
    ['judge no query', {}, { method: 'GET', name: 'a', query: ['list'] }, 'query'],
    ['match nothing that has no name', {}, { method: 'GET', name: undefined }, 'secret'],
    [
      'compare a name without its version',
      { secrets: ['projects/p/secrets/*-public'] },
      { method: 'GET', name: 'projects/p/secrets/root', versionedName: 'projects/p/secrets/root/versions/x-public' },
      'secret',
    ],
    [
      'compare a name with its version where the pattern has one',
      { secrets: ['projects/p/secrets/*/versions/3'] },
      { method: 'GET', name: 'projects/p/secrets/root', versionedName: 'projects/p/secrets/root/versions/3' },
      undefined,
    ],
  ];
  for (const [what, rule, asked, denial] of rows) {
    it(what, () => assert.equal(denialOf([rule], identity, asked), denial));
  }

  it('do not add up: pod, secret and method must be those of one rule', () => {
    const rules: AllowRule[] = [
      { secrets: ['a'] },
      { namespaces: ['pay'], methods: ['PUT'] },
      { secrets: ['b'], methods: ['PUT'] },
    ];
    assert.equal(denialOf(rules, identity, { method: 'PUT', name: 'a' }), 'method');
  });
});
