import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shownToken } from '../../../provider/sessions/shown-token.ts';
import { SecretString } from '../../../provider/util/secret-string.ts';

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const tokenOf = (claims: object) => new SecretString(`${part({ alg: 'RS256' })}.${part(claims)}.c2ln`);
const show = (claims: object, more: { wanted?: string; isApiServers?: boolean } = {}, own: string[] = []) =>
  shownToken({ token: tokenOf(claims), wanted: 'vault', isApiServers: false, ...more }, own);

describe('a token on its way to a server', () => {
  const iss = 'https://kubernetes.default.svc';

  it('is good for what its claims say, whatever it was called', () => {
    assert.deepEqual(show({ iss, aud: ['vault'] }), { audiences: ['vault'], apiServers: [] });
    assert.deepEqual(show({ iss, aud: 'sts.amazonaws.com' }), { audiences: ['sts.amazonaws.com'], apiServers: [] });
    assert.deepEqual(show({ aud: ['vault', 'b'] }, { wanted: 'x' }).audiences, ['vault', 'b']);
  });

  it("is the API server's by its issuer, by keymount's own token, or because no audience was asked for", () => {
    assert.deepEqual(show({ iss, aud: ['vault', iss] }).apiServers, [iss]);
    assert.deepEqual(show({ iss, aud: ['k3s'] }, {}, ['k3s']).apiServers, ['k3s']);
    assert.deepEqual(show({ iss: 'other', aud: ['api'] }, { isApiServers: true }).apiServers, ['api']);
    assert.deepEqual(show({ iss: 'kubernetes/serviceaccount' }), { audiences: [''], apiServers: [''] });
  });

  it('goes by the name that was wanted where it is no JWT', () => {
    const token = new SecretString('opaque');
    assert.deepEqual(shownToken({ token, wanted: 'aws', isApiServers: false }, []), {
      audiences: ['aws'],
      apiServers: [],
    });
    assert.deepEqual(shownToken({ token, wanted: 'a', isApiServers: true }, []).apiServers, ['a']);
  });
});
