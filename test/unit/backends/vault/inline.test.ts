import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inlineConnection } from '../../../../provider/backends/vault/inline.ts';
import { KeymountError } from '../../../../provider/errors.ts';
import type { InlineSettings } from '../../../../provider/plan/plan.ts';
import type { VaultDropIn } from '../../../../provider/settings/settings.ts';
import { adminOf } from './fake-vault.ts';

const noTls = {
  ca: undefined,
  caDir: undefined,
  serverName: undefined,
  cert: undefined,
  key: undefined,
  skipVerify: false,
};
const defaults: VaultDropIn = {
  address: 'https://vault.infra:8200',
  namespace: 'team',
  authMount: 'kubernetes',
  audience: 'vault',
  audiences: [],
  tls: noTls,
  allowedAddresses: undefined,
  timeout: 10_000,
  retries: 2,
  maxConcurrent: 32,
  proxy: undefined,
};
const adminTls = { ...noTls, ca: '/admin/ca.pem', cert: '/admin/cert.pem', key: '/admin/key.pem' };

const make = (settings: InlineSettings, more: Partial<VaultDropIn> = {}, tlsDir?: string) =>
  inlineConnection(settings, 'vault', adminOf({ ...defaults, ...more }, tlsDir));
const codeOf = (settings: InlineSettings, more: Partial<VaultDropIn> = {}, tlsDir?: string): string => {
  try {
    make(settings, more, tlsDir);
  } catch (error) {
    assert.ok(error instanceof KeymountError);
    return error.code;
  }
  return 'taken';
};

describe('the connection of a drop-in class', () => {
  it("is the admin's where the class says nothing", () => {
    const connection = make({}, { tls: adminTls });
    assert.equal(connection.address.text, 'https://vault.infra:8200');
    assert.deepEqual(connection.auth, {
      method: 'pod',
      mount: 'kubernetes',
      appRoleMount: 'approle',
      audience: 'vault',
    });
    assert.equal(connection.namespace, 'team');
    assert.deepEqual(connection.tls.cert, { path: '/admin/cert.pem' });
    assert.equal(connection.guarded, false);
  });

  it('takes what the class says over the defaults', () => {
    const settings = { address: 'http://other:8200/', namespace: 'x', authMount: '/team/jwt/', serverName: 'v' };
    const connection = make(settings);
    assert.equal(connection.address.text, 'http://other:8200');
    assert.deepEqual(connection.auth, {
      method: 'pod',
      mount: 'team/jwt',
      appRoleMount: 'team/jwt',
      audience: 'vault',
    });
    assert.deepEqual([connection.namespace, connection.tls.serverName], ['x', 'v']);
    assert.equal(make({ namespace: '' }).namespace, 'team');
  });

  it('may be at any address that is not special, if the admin lists none', () => {
    for (const address of ['https://vault.example', 'http://10.0.0.1:8200', 'http://127.0.0.1:8200']) {
      assert.ok(make({ address }).guarded, address);
    }
    for (const address of [
      'unix:///var/run/docker.sock',
      'http://169.254.169.254',
      'http://169.254.170.23',
      'http://2852039166',
      'http://0xA9FEA9FE',
      'http://[::ffff:169.254.169.254]',
      'http://[fe80::1]',
      'http://[fd00:ec2::254]',
      'http://0.0.0.0:8200',
    ]) {
      assert.equal(codeOf({ address }), 'address-not-allowed', address);
    }
  });

  it('may be only at listed addresses, if the admin lists some', () => {
    const allowedAddresses = ['https://vault-2:8200', 'https://*.vault.example'];
    assert.equal(make({ address: 'https://VAULT-2:8200/' }, { allowedAddresses }).guarded, false);
    assert.equal(make({ address: 'https://eu.vault.example' }, { allowedAddresses }).guarded, true);
    assert.equal(make({ address: 'https://vault.infra:8200' }, { allowedAddresses }).guarded, false);
    for (const address of [
      'https://vault-3:8200',
      'http://vault-2:8200',
      'https://a.b.vault.example',
      'unix:///run/a.sock',
    ]) {
      assert.equal(codeOf({ address }, { allowedAddresses }), 'address-not-allowed', address);
    }
    assert.equal(codeOf({ address: 'https://vault-2:8200' }, { allowedAddresses: [] }), 'address-not-allowed');
  });

  it('may be at a socket or a special address that the admin has or lists', () => {
    const socket = { address: 'unix:///run/agent.sock' };
    assert.equal(make(socket, socket).address.socketPath, '/run/agent.sock');
    assert.equal(make(socket, { allowedAddresses: ['unix:///run/agent.sock'] }).guarded, false);
    const metadata = { address: 'http://169.254.20.10:8200' };
    assert.equal(make(metadata, { allowedAddresses: ['http://169.254.20.10:8200'] }).guarded, false);
  });

  it('says nothing of a password in an address', () => {
    try {
      make({ address: 'https://user:hunter2@vault' });
      assert.fail('it was taken');
    } catch (error) {
      assert.ok(error instanceof KeymountError && error.code === 'class-invalid');
      assert.ok(!error.message.includes('hunter2'));
    }
  });

  it("may not name the admin's own certificate, but where it is lent anyway", () => {
    const own = { clientCert: '/tls/a.pem', clientKey: '/tls/a.key' };
    const notOf = (settings: InlineSettings) => make({ ...own, ...settings }, { tls: adminTls }, '/tls').tls.key?.notOf;
    // Those of both dialects.
    const admins = ['/admin/cert.pem', '/admin/key.pem', '/admin/cert.pem', '/admin/key.pem'];
    assert.deepEqual(notOf({ address: 'https://other:8200' }), admins);
    assert.deepEqual(notOf({ authMount: 'cert' }), admins);
    assert.deepEqual(notOf({}), []);
  });

  it("gets the admin's certificate only where the admin trusts the address, at the admin's auth mount", () => {
    const lent = (settings: InlineSettings, more: Partial<VaultDropIn> = {}) =>
      make(settings, { tls: adminTls, ...more }).tls.cert !== undefined;
    assert.ok(lent({}));
    assert.ok(lent({ address: 'https://VAULT.infra:8200' }));
    assert.ok(lent({ authMount: 'kubernetes' }));
    assert.ok(lent({ address: 'https://b.example' }, { allowedAddresses: ['https://*.example'] }));
    assert.ok(!lent({ address: 'https://evil.example' }));
    assert.ok(!lent({ authMount: 'cert' }));
    assert.deepEqual(make({ address: 'https://evil.example' }, { tls: adminTls }).tls.ca, { path: '/admin/ca.pem' });
  });

  it('may name TLS files only below the directory for them', () => {
    const own = { caCert: '/tls/ca.pem', clientCert: '/tls/c.pem', clientKey: '/tls/k.pem' };
    const { tls } = make(own, { tls: adminTls }, '/tls');
    assert.deepEqual(tls.ca, { path: '/tls/ca.pem', below: '/tls' });
    assert.deepEqual(
      [tls.cert, tls.key],
      [
        { path: '/tls/c.pem', below: '/tls', notOf: [] },
        { path: '/tls/k.pem', below: '/tls', notOf: [] },
      ],
    );
    assert.equal(codeOf(own), 'address-not-allowed');
    assert.equal(codeOf({ caDir: '/tls' }), 'address-not-allowed');
    assert.equal(codeOf({ caCert: 'ca.pem' }, {}, '/tls'), 'address-not-allowed');
    assert.equal(codeOf({ clientCert: '/tls/c.pem' }, { tls: adminTls }, '/tls'), 'class-invalid');
  });

  it('can switch the verification off, and not on', () => {
    assert.equal(make({ skipVerify: true }).tls.skipVerify, true);
    assert.equal(make({ skipVerify: false }, { tls: { ...noTls, skipVerify: true } }).tls.skipVerify, true);
  });

  it('refuses auth mounts that lead elsewhere', () => {
    for (const authMount of ['../sys', 'a/../b', 'a//b', '/', 'a?b', 'a#b', 'a%2fb', 'a b', 'a\n', '.']) {
      assert.equal(codeOf({ authMount }), 'class-invalid', authMount);
    }
  });
});
