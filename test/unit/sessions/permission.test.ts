import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Backend } from '../../../provider/backends/backend.ts';
import { backendKinds, loadBackend } from '../../../provider/backends/registry.ts';
import { KeymountError } from '../../../provider/errors.ts';
import type { NewSource } from '../../../provider/plan/sources.ts';
import type { Connection } from '../../../provider/sessions/connections.ts';
import { checkAllowed } from '../../../provider/sessions/permission.ts';
import type { AllowRule } from '../../../provider/settings/settings.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf, FakeStore, sourcesOf } from './fake-store.ts';

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

describe('the rules of a connection and what really is requested', () => {
  const { identity } = callerOf(aPod({ namespace: 'shop', serviceAccount: 'web' }), { proven: true });

  async function refusal(kind: string, rule: AllowRule, address: string, more: Partial<NewSource> = {}) {
    const backend: Backend | undefined = await loadBackend(kind);
    assert.ok(backend !== undefined);
    const asAdmin: Backend = { ...backend, identityOf: () => 'admin' };
    const connection: Connection = { title: 'it', key: 'named it', backend: asAdmin, settings: {}, allow: [rule] };
    try {
      checkAllowed(connection, identity, sourcesOf({ address, ...more }));
      return undefined;
    } catch (error) {
      assert.ok(error instanceof KeymountError);
      assert.equal(error.code, 'connection-not-allowed');
      return error;
    }
  }

  const put = { request: { method: 'PUT' } };
  const rule = (secret: string, ...methods: string[]): AllowRule => ({
    secrets: [secret],
    ...(methods.length === 0 ? {} : { methods }),
  });
  const isPublic = rule('/v1/secret/*/public');
  const rows: [string, string, AllowRule, string, Partial<NewSource>, boolean][] = [
    ['a path of the API', 'vault', isPublic, '/v1/secret/a/public', {}, true],
    ['its version', 'vault', isPublic, '/v1/secret/a/public?version=2', {}, true],
    ['a pinned version', 'vault', isPublic, '/v1/secret/a/public', { version: '2' }, true],
    ['a query that ends like the pattern', 'vault', isPublic, '/v1/secret/admin/root?x=/public', {}, false],
    ['a query without a value', 'openbao', isPublic, '/v1/secret/admin/root?/public', {}, false],
    ['a version that ends like the pattern', 'vault', isPublic, '/v1/secret/admin/root?version=/public', {}, false],
    ['another query of a path that is allowed', 'vault', isPublic, '/v1/secret/a/public?list=true', {}, false],
    ['it beside a version', 'vault', isPublic, '/v1/secret/a/public?version=1&help=1', {}, false],
    ['letters that are escaped', 'vault', isPublic, '/v1/secret/a/%70ublic', {}, true],
    ['an escaped question mark', 'vault', isPublic, '/v1/secret/root%3Fx=/public', {}, true],
    ['escapes that are no UTF-8', 'vault', rule('*'), '/v1/secret/%ff/public', {}, false],
    ['a write', 'vault', rule('*'), '/v1/secret/a/public', put, false],
    ['a write with a query', 'vault', rule('*-public', 'PUT'), '/v1/auth/token/create?-public', put, false],
    ['a write that a rule names', 'vault', rule('/v1/pki/issue/*', 'PUT'), '/v1/pki/issue/web', put, true],
    ['POST where a rule names PUT', 'vault', rule('*', 'PUT'), '/v1/a', { request: { method: 'POST' } }, true],
    ['a list', 'vault', rule('*'), '/v1/secret/metadata', { request: { method: 'LIST' } }, false],
    ['a path as the CLI writes it', 'vault', rule('secret/*/public'), 'secret/a/public', {}, true],
    ['slashes around it', 'vault', rule('secret/*/public'), '/secret/a/public/', {}, true],
    ['a question mark in it', 'vault', rule('secret/*/public'), 'secret/admin?x=/public', {}, true],
    ['a write to it', 'vault', rule('pki/issue/web', 'PUT'), 'pki/issue/web', put, true],
    ['a path of the API where the rule has the CLI one', 'vault', rule('secret/*'), '/v1/secret/data/a', {}, false],
    ['a name of AWS', 'aws-secretsmanager', rule('prod/*/public'), 'prod/a/public', {}, true],
    ['its label', 'aws-secretsmanager', rule('prod/*/public'), 'prod/admin?label=x/public', {}, false],
    ['a label of a parameter', 'aws-ssm', rule('/app/*public'), '/app/admin:public', {}, false],
    ['a version of a parameter', 'aws-ssm', rule('/app/*'), '/app/db:3', {}, true],
    [
      'a secret of Google',
      'gcp-secretmanager',
      rule('projects/p/secrets/*-public'),
      'projects/p/secrets/a-public/versions/3',
      {},
      true,
    ],
    [
      'an alias',
      'gcp-secretmanager',
      rule('projects/p/secrets/*-public'),
      'projects/p/secrets/root/versions/a-public',
      {},
      false,
    ],
    [
      'a secret named versions',
      'gcp-secretmanager',
      rule('projects/p/secrets/versions'),
      'projects/p/secrets/versions/versions/1',
      {},
      true,
    ],
    ['an id', 'gcp-secretmanager', rule('*-public'), 'root', { version: 'a-public' }, false],
    [
      'a version that a rule names',
      'gcp-secretmanager',
      rule('projects/p/secrets/*/versions/3'),
      'projects/p/secrets/a/versions/3',
      {},
      true,
    ],
    [
      'another one',
      'gcp-secretmanager',
      rule('projects/p/secrets/*/versions/3'),
      'projects/p/secrets/a/versions/4',
      {},
      false,
    ],
    ['a secret of Azure', 'azure-keyvault', rule('secrets/web*'), 'secrets/web~1', {}, true],
    ['one before', 'azure-keyvault', rule('*~1'), 'secrets/root~1', {}, false],
    ['a file', 'file', rule('shop/*'), 'shop/db', {}, true],
    ['a file with a question mark', 'file', rule('shop/*/public'), 'shop/a?x=/public', {}, true],
  ];
  for (const [what, kind, allow, address, more, permitted] of rows) {
    it(`${permitted ? 'let' : 'refuse'} ${what} (${kind}: ${address})`, async () => {
      assert.equal((await refusal(kind, allow, address, more)) === undefined, permitted);
    });
  }

  it('say which line is missing', async () => {
    assert.match(
      String((await refusal('vault', rule('*'), '/v1/pki/issue/web', put))?.hint),
      /unless the admin of keymount adds methods: \[PUT\] to it/,
    );
    const query = await refusal('vault', rule('*'), '/v1/secret/a?token=s3cr3t', {});
    assert.equal(query?.reason, 'with the query "token"');
    assert.doesNotMatch(JSON.stringify(query), /s3cr3t/);
  });

  it('leave what no backend would request to the read, which says what is wrong', async () => {
    for (const kind of backendKinds.filter((each) => each !== 'aws')) {
      assert.equal(await refusal(kind, rule('nothing'), '../../..//'), undefined);
    }
  });
});
