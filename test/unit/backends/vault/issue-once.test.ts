import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isUndone, mayIssue } from '../../../../provider/backends/vault/issue-once.ts';
import type { Engine } from '../../../../provider/backends/vault/reply.ts';
import { KeymountError } from '../../../../provider/errors.ts';

const call = (line: string, engine: Engine = 'api', type?: string) => {
  const [method = '', target = ''] = line.split(' ');
  return mayIssue({ method, target }, engine, type);
};

describe('a request to Vault', () => {
  for (const line of [
    'PUT pki/issue/web',
    'POST pki/sign/web',
    'PUT team/pki/issuer/a/issue/web',
    'PUT ssh/issue/ops',
    'POST kubernetes/creds/deploy',
    'GET database/creds/app',
    'GET team/database/creds/app',
    'GET database/creds/a%20b?x=1',
    'GET aws/creds/deploy',
    'GET aws/sts/deploy',
    'POST aws/sts/deploy',
    'GET gcp/token/build',
    'GET gcp/roleset/build/key',
    'PUT ldap/library/team/check-out',
    'PUT secret/data/app',
  ]) {
    it(`may issue something by ${line}`, () => assert.ok(call(line)));
  }

  for (const line of [
    'GET secret/data/app',
    'GET secret/data/creds/app',
    'GET kv/prod/api/key',
    'GET kv/prod/token',
    'GET database/static-creds/app',
    'GET pki/cert/ca',
    'LIST database/creds',
    'PUT transit/encrypt/app',
    'PUT transit/sign/app',
    'POST team/transit/datakey/plaintext/app',
    'PUT sys/wrapping/wrap',
    'GET cubbyhole/creds/app',
    'GET identity/oidc/token/app',
  ]) {
    it(`issues nothing by ${line}`, () => assert.ok(!call(line)));
  }

  it('issues nothing at a mount that is known not to', () => {
    assert.ok(!call('GET kv/creds/app', 'kv1'));
    assert.ok(!call('GET kv/creds/app', 'api', 'kv'));
    assert.ok(!call('PUT team/sign/app', 'api', 'transit'));
    assert.ok(call('GET kv/creds/app', 'api', 'database'));
  });

  const failure = new KeymountError('backend-unreachable', 'no answer');
  const reply = (status: number, text = '') => ({
    reply: { status, headers: {}, body: Buffer.from(JSON.stringify({ errors: [text] })) },
  });
  const outcomes: [string, boolean, Parameters<typeof isUndone>[0]][] = [
    ['was not sent', true, { failure, transient: true, unsent: true }],
    ['got no answer', false, { failure, transient: true }],
    ['is wrong', true, reply(400)],
    ['came too early for an index', true, reply(412)],
    ['was one too many', true, reply(429)],
    ['failed', false, reply(500)],
    ['broke between proxies', false, reply(502)],
    ['was refused by a proxy', false, reply(503, 'upstream connect error')],
    ['came to a sealed server', true, reply(503, 'Vault is sealed')],
    ['came to a standby', true, reply(503, 'Vault is in standby mode')],
    ['came to a node without a leader', true, reply(503, 'local node not active but active cluster node not found')],
    ['took a proxy too long', false, reply(504)],
  ];
  for (const [what, undone, outcome] of outcomes) {
    it(`that ${what} ${undone ? 'may be sent again' : 'is not sent again'}`, () => {
      assert.equal(isUndone(outcome), undone);
    });
  }
});
