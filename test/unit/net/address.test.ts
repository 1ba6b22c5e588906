import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Address, hostPort, parseAddress, sameOrigin } from '../../../provider/net/address.ts';
import { matchAddress, parseAddressPattern } from '../../../provider/net/address-pattern.ts';

const parsed = (text: string): Address => {
  const result = parseAddress(text);
  return 'address' in result ? result.address : assert.fail(`${text} ${result.problem}`);
};
const problem = (text: string): string => {
  const result = parseAddress(text);
  return 'problem' in result ? result.problem : assert.fail(`${text} was taken as ${result.address.text}`);
};
const matches = (pattern: string, address: string) => {
  const result = parseAddressPattern(pattern);
  return 'pattern' in result ? matchAddress([result.pattern], parsed(address)) : assert.fail(result.problem);
};

describe('an address', () => {
  it('has one spelling', () => {
    for (const [text, canonical] of [
      ['HTTPS://Vault.Example:8200/', 'https://vault.example:8200'],
      ['https://vault.example:443', 'https://vault.example'],
      ['http://vault.example.:80', 'http://vault.example'],
      ['https://[0:0::1]:8200', 'https://[::1]:8200'],
      ['https://v.example/vault//', 'https://v.example/vault'],
      ['http://2130706433:8200', 'http://127.0.0.1:8200'],
      ['http://0x7f.1', 'http://127.0.0.1'],
      ['unix:///run//vault/agent.sock', 'unix:///run/vault/agent.sock'],
    ] as const) {
      assert.equal(parsed(text).text, canonical);
      assert.equal(parsed(canonical).text, canonical);
    }
  });

  it('gives what a socket needs', () => {
    const { scheme, host, port, prefix, socketPath } = parsed('https://[2001:DB8::1]/base');
    assert.deepEqual([scheme, host, port, prefix, socketPath], ['https', '2001:db8::1', 443, '/base', undefined]);
    assert.equal(hostPort(parsed('https://[2001:DB8::1]/base')), '[2001:db8::1]:443');
    assert.equal(parsed('unix:///run/a.sock').socketPath, '/run/a.sock');
  });

  it('refuses what could mean something else than it seems to', () => {
    for (const text of [
      '',
      'vault:8200',
      'ftp://vault',
      'https://',
      'https://user@vault',
      'https://user:pw@vault:8200',
      'https://vault?x=1',
      'https://vault/#',
      'https://vault\\@evil',
      'https://va ult',
      'https://vault\n',
      'https://vault:99999',
      'https://vault../',
      'http://169.254.169.254..:80',
      'https://vault/a/../b',
      'https://vault/%2e%2e/b',
      'https://vault/a/.',
      'unix://run/a.sock',
      'unix:///run/../a.sock',
      `unix:///${'x'.repeat(107)}`,
    ]) {
      problem(text);
    }
  });

  it('never quotes in its problem what may be a password', () => {
    assert.ok(!problem('https://user:hunter2@vault').includes('hunter2'));
  });

  it('is of one origin with another by scheme, host and port', () => {
    assert.ok(sameOrigin(parsed('https://v/a'), parsed('https://V:443/b')));
    assert.ok(!sameOrigin(parsed('https://v'), parsed('http://v')));
    assert.ok(!sameOrigin(parsed('https://v'), parsed('https://v:8200')));
    assert.ok(!sameOrigin(parsed('unix:///a'), parsed('unix:///b')));
  });
});

describe('an allowed address', () => {
  it('without a star is that very address, however it is spelled', () => {
    assert.equal(matches('https://Vault.example:8200/', 'https://vault.EXAMPLE:8200'), 'exact');
    assert.equal(matches('https://vault.example', 'https://vault.example:443'), 'exact');
    assert.equal(matches('unix:///run/agent.sock', 'unix:///run/agent.sock'), 'exact');
    for (const other of ['http://vault.example:8200', 'https://vault.example', 'https://vault.example:8200/x']) {
      assert.equal(matches('https://vault.example:8200', other), undefined);
    }
  });

  it('with a star stands for one label of its host', () => {
    assert.equal(matches('https://*.vault.example:8200', 'https://eu.vault.example:8200'), 'pattern');
    assert.equal(matches('https://vault-*.example', 'https://vault-eu.example'), 'pattern');
    assert.equal(matches('http://10.0.0.*:8200', 'http://10.0.0.7:8200'), 'pattern');
    for (const other of [
      'https://vault.example:8200',
      'https://a.b.vault.example:8200',
      'https://eu.vault.example',
      'http://eu.vault.example:8200',
      'https://eu.vault.example.evil:8200',
      'https://eu.vault.example:8200/x',
    ]) {
      assert.equal(matches('https://*.vault.example:8200', other), undefined, other);
    }
    assert.equal(matches('https://*:8200', 'https://[::1]:8200'), undefined);
    assert.equal(matches('https://vault-*.example', 'https://vault-.example'), undefined);
  });

  it('may have a star nowhere else', () => {
    for (const text of [
      'https://vault:*',
      '*://vault',
      'https://vault/*',
      'https://**.vault',
      'https://*:1/*',
      'unix:///run/*',
      '*',
    ]) {
      assert.ok('problem' in parseAddressPattern(text), text);
    }
  });

  it('prefers the exact entry of several', () => {
    const patterns = ['https://*.example', 'https://a.example'].map((text) => {
      const result = parseAddressPattern(text);
      return 'pattern' in result ? result.pattern : assert.fail();
    });
    assert.equal(matchAddress(patterns, parsed('https://a.example')), 'exact');
    assert.equal(matchAddress(patterns, parsed('https://b.example')), 'pattern');
    assert.equal(matchAddress(patterns, parsed('https://b.test')), undefined);
  });

  const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
  const scheme = fc.constantFrom('http', 'https');
  const port = fc.integer({ min: 1, max: 65535 });

  it('matches exactly the hosts with one label in place of each star', () => {
    fc.assert(
      fc.property(
        scheme,
        fc.array(fc.tuple(label, fc.boolean()), { minLength: 1, maxLength: 5 }),
        port,
        (way, parts, number) => {
          fc.pre(parts.some(([, star]) => star) && parts.at(-1)?.[1] === false);
          const pattern = `${way}://${parts.map(([text, star]) => (star ? '*' : text)).join('.')}:${number}`;
          const host = parts.map(([text]) => text);
          assert.equal(matches(pattern, `${way}://${host.join('.')}:${number}`), 'pattern');
          assert.equal(matches(pattern, `${way}://${[...host, 'evil'].join('.')}:${number}`), undefined);
          assert.equal(matches(pattern, `${way}://${['more', ...host].join('.')}:${number}`), undefined);
          assert.equal(matches(pattern, `${way}://${host.join('.')}:${(number % 65535) + 1}`), undefined);
        },
      ),
    );
  });

  it('never matches across a dot or a colon, whatever the address is', () => {
    fc.assert(
      fc.property(fc.webUrl({ validSchemes: ['https'] }), (url) => {
        const result = parseAddress(url);
        if (!('address' in result) || matches('https://*.vault.example', url) === undefined) return;
        assert.match(result.address.host, /^[^.:]+\.vault\.example$/);
        assert.equal(result.address.port, 443);
      }),
    );
  });

  it('takes any text without falling over', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `https://${text}`),
        ),
        (text) => {
          parseAddress(text);
          parseAddressPattern(text);
        },
      ),
    );
  });
});
