import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { redirectTarget } from '../../../../provider/backends/vault/redirect.ts';
import { formatError, KeymountError } from '../../../../provider/errors.ts';
import { parseAddress } from '../../../../provider/net/address.ts';
import { parseAddressPattern } from '../../../../provider/net/address-pattern.ts';

function leads(from: string, location: string | undefined, allowed: string[] = []): string {
  const parsed = parseAddress(from);
  assert.ok('address' in parsed);
  const alsoAt = allowed.map((text) => {
    const result = parseAddressPattern(text);
    return 'pattern' in result ? result.pattern : assert.fail(result.problem);
  });
  const headers = location === undefined ? {} : { location };
  try {
    const { address, path } = redirectTarget({ address: parsed.address, alsoAt }, '/v1/secret/data/app', { headers });
    return `${address.text} ${address.prefix}${path}`;
  } catch (error) {
    assert.ok(error instanceof KeymountError && error.code === 'backend-redirect');
    return formatError(error);
  }
}

describe('a redirect', () => {
  it('may lead anywhere on the same server', () => {
    assert.equal(leads('https://vault:8200', '/v1/x?y=%2F'), 'https://vault:8200 /v1/x?y=%2F');
    assert.equal(leads('https://vault:8200', 'https://VAULT:8200/v1/x'), 'https://vault:8200 /v1/x');
    assert.equal(leads('https://vault:8200', 'other'), 'https://vault:8200 /v1/secret/data/other');
    assert.equal(leads('unix:///run/agent.sock', '/v1/x'), 'unix:///run/agent.sock /v1/x');
  });

  it('has its own path, with or without the prefix of the address', () => {
    assert.equal(leads('https://vault/base', '/base/v1/x'), 'https://vault/base /base/v1/x');
    assert.equal(leads('https://vault/base', '/v1/x'), 'https://vault/base /v1/x');
  });

  it('may lead from http to https on the same host', () => {
    assert.equal(leads('http://vault:8200', 'https://vault:8200/v1/x'), 'https://vault:8200 /v1/x');
    assert.equal(leads('http://vault', 'https://vault/v1/x'), 'https://vault /v1/x');
    assert.match(leads('http://vault:8200', 'https://vault:9999/v1/x'), /another host/);
  });

  it('never leads to https on another host, on whatever port', () => {
    for (const from of ['http://vault:8200', 'http://vault', 'http://vault:443', 'http://vault.']) {
      for (const host of [
        'evil',
        'evil:8200',
        'evil:443',
        'vault.evil:8200',
        'evil.vault:8200',
        'vault@evil:8200',
        '[::1]:8200',
      ]) {
        assert.match(leads(from, `https://${host}/v1/secret/data/app`), /to another host/, `${from} ${host}`);
      }
    }
    assert.match(leads('http://10.0.0.1:8200', 'https://10.0.0.2:8200/v1/x'), /to another host/);
    assert.match(leads('http://vault', 'https://vault:8200/v1/x'), /to another host/);
    assert.match(leads('http://vault:8200', 'https://vault/v1/x'), /to another host/);
    assert.match(leads('http://vault:8200', '//evil:8200/v1/x'), /to another host/);
  });

  it('never leads from https to http', () => {
    for (const allowed of [[], ['http://vault:8200', 'http://other']]) {
      assert.match(leads('https://vault:8200', 'http://vault:8200/v1/x', allowed), /from https to plain http/);
      assert.match(leads('https://vault:8200', 'http://other/v1/x', allowed), /from https to plain http/);
    }
  });

  it('leads to another host only where the admin listed it', () => {
    const allowed = ['https://vault-*.infra:8200'];
    assert.equal(
      leads('https://vault:8200', 'https://vault-1.infra:8200/v1/x', allowed),
      'https://vault-1.infra:8200 /v1/x',
    );
    for (const location of [
      'https://evil/v1/x',
      '//evil/v1/x',
      'https://vault-1.infra/v1/x',
      'https://vault:8200@evil/v1/x',
    ]) {
      assert.match(leads('https://vault:8200', location, allowed), /to another host/, location);
    }
    assert.match(leads('unix:///run/agent.sock', 'https://vault:8200/v1/x'), /to another host/);
  });

  it('that leads nowhere is refused', () => {
    for (const location of [undefined, '', 'http://', 'mailto:x@y', 'unix:///run/x.sock']) {
      assert.match(leads('https://vault:8200', location), /nowhere|no HTTP server/, String(location));
    }
  });
});
