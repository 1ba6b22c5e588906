import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseVaultRef, shownPath } from '../../../../provider/backends/vault/ref.ts';
import { formatError, KeymountError } from '../../../../provider/errors.ts';
import type { Source } from '../../../../provider/plan/plan.ts';
import { sourceOf } from '../../../backends/contract.ts';

const parse = (address: string, more: Partial<Source> = {}) => parseVaultRef(sourceOf(address, more));
const refusal = (address: string, more: Partial<Source> = {}): string => {
  try {
    parse(address, more);
  } catch (error) {
    assert.ok(error instanceof KeymountError && error.code === 'class-invalid');
    return formatError(error);
  }
  return assert.fail(`${JSON.stringify(address)} was taken`);
};

describe('the reference of a Vault secret', () => {
  it('is an API path where it begins with /v1/', () => {
    assert.deepEqual(parse('/v1/secret/data/app?version=2'), {
      kind: 'api',
      method: 'GET',
      target: 'secret/data/app?version=2',
      args: undefined,
    });
    assert.deepEqual(parse('/v1/pki/issue/web', { request: { method: 'PUT', args: { ttl: '1h' } } }), {
      kind: 'api',
      method: 'PUT',
      target: 'pki/issue/web',
      args: { ttl: '1h' },
    });
  });

  it('is a CLI path otherwise, taken literally', () => {
    assert.deepEqual(parse('kv/shop/db', { version: '3' }), { kind: 'cli', path: 'kv/shop/db', version: '3' });
    assert.deepEqual(parse('/kv/shop/db/'), { kind: 'cli', path: 'kv/shop/db', version: undefined });
    assert.deepEqual(parse('pki/issue/a b?', { request: { method: 'POST' } }), {
      kind: 'api',
      method: 'POST',
      target: 'pki/issue/a%20b%3F',
      args: undefined,
    });
  });

  it('keeps what is percent-encoded and encodes what has to be', () => {
    const target = (address: string) => {
      const ref = parse(address);
      return ref.kind === 'api' ? ref.target : assert.fail();
    };
    assert.equal(target('/v1/secret/data/a%3Fb'), 'secret/data/a%3Fb');
    // A name that itself holds an escape, as people have who store things by URL.
    assert.equal(target('/v1/secret/data/https%253A%252F%252Fa'), 'secret/data/https%253A%252F%252Fa');
    assert.equal(target('/v1/secret/data/zażółć x#%'), 'secret/data/za%C5%BC%C3%B3%C5%82%C4%87%20x%23%25');
    assert.equal(shownPath('secret/data/za%C5%BC%20x?version=1'), 'secret/data/zaż x');
    assert.equal(shownPath('secret/%ff'), 'secret/%ff');
  });

  it('adds a pinned version to the query of an API path', () => {
    assert.deepEqual(parse('/v1/secret/data/app', { version: '2' }), {
      kind: 'api',
      method: 'GET',
      target: 'secret/data/app?version=2',
      args: undefined,
    });
  });

  it('refuses paths that lead elsewhere or nowhere', () => {
    for (const path of [
      '',
      '..',
      'a/../b',
      'a/%2e%2e/b',
      'a/%252E%252e/b',
      'a/./b',
      'a//b',
      'a/b//',
      'a\nb',
      'a\u0000',
      'a/..',
      `${'x'.repeat(2049)}`,
    ]) {
      refusal(`/v1/${path}`);
      refusal(path);
    }
    assert.match(refusal('/v1/'), /^objects\[0\] "file": the secret path is empty \[class-invalid\]$/);
  });

  it('refuses an encoded slash in a path of the API, which allow rules would not see through', () => {
    for (const path of ['shop/..%2fpay/a', 'shop%2Fa', 'shop/a%5cb']) refusal(`/v1/secret/data/${path}`);
  });

  it('keeps an encoded slash in a query, where it leads nowhere', () => {
    const ref = parse('/v1/identity/entity?after=a%2Fb', { request: { method: 'LIST' } });
    assert.equal(ref.kind === 'api' && ref.target, 'identity/entity?after=a%2Fb');
  });

  it('refuses methods that read nothing, and versions that are none', () => {
    for (const method of ['DELETE', 'PATCH', 'get', '', 'GET\r\n']) refusal('/v1/a/b', { request: { method } });
    for (const version of ['', '0', '-1', '1.5', 'latest', '1e3', '9999999999999999']) refusal('kv/a', { version });
    refusal('kv/a', { version: '1', request: { method: 'PUT' } });
  });

  it('never makes of any text a target that could leave its path or break a request line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, api) => {
        let target: string;
        try {
          const ref = parse(`${api ? '/v1/' : ''}${text}`, api ? {} : { request: { method: 'PUT' } });
          target = ref.kind === 'api' ? ref.target : ref.path;
        } catch (error) {
          assert.ok(error instanceof KeymountError);
          return;
        }
        assert.match(target, /^[\x21-\x7e]+$/);
        const url = new URL(`http://h/v1/${target}`);
        assert.ok(url.pathname.startsWith('/v1/') && url.pathname.length > 4);
        assert.equal(url.pathname.split('/').length, (target.split('?')[0] ?? '').split('/').length + 2);
      }),
    );
  });
});
