import assert from 'node:assert/strict';
import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { aPod, serviceAccountUid } from './pod.ts';
import { createTokenIssuer, podTokens } from './pod-token.ts';

const issuer = createTokenIssuer();

function decode(token: string) {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const json = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  return { header: json(header), claims: json(payload), signed: `${header}.${payload}`, signature };
}

describe('a pod token', () => {
  it('is signed by the key that the JWKS and the PEM show', () => {
    const { token } = issuer.mint(aPod(), 'vault');
    const { header, signed, signature } = decode(token);
    const jwk = issuer.jwks.keys.find((key) => key['kid'] === header['kid']);
    for (const key of [
      createPublicKey(issuer.publicKeyPem),
      createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }),
    ]) {
      assert.equal(verify('RSA-SHA256', Buffer.from(signed), key, Buffer.from(signature, 'base64url')), true);
    }
  });

  it('names the pod and its ServiceAccount as a cluster does', () => {
    const pod = aPod({ name: 'web-0', uid: 'u', namespace: 'shop', serviceAccount: 'web' });
    const { claims } = decode(issuer.mint(pod, 'vault', { now: 1_000_500, ttl: 600 }).token);
    assert.deepEqual(
      { ...claims, jti: undefined },
      {
        aud: ['vault'],
        iss: 'https://kubernetes.default.svc.cluster.local',
        sub: 'system:serviceaccount:shop:web',
        iat: 1000,
        nbf: 1000,
        exp: 1600,
        jti: undefined,
        'kubernetes.io': {
          namespace: 'shop',
          pod: { name: 'web-0', uid: 'u' },
          serviceaccount: { name: 'web', uid: serviceAccountUid('shop', 'web') },
        },
      },
    );
  });

  it('tells its end outside the token too, in whole seconds', () => {
    const tokens = podTokens(issuer, aPod(), ['vault', 'openbao'], { now: 0, ttl: 60 });
    assert.deepEqual(
      Object.entries(tokens).map(([audience, { expirationTimestamp }]) => [audience, expirationTimestamp]),
      [
        ['vault', '1970-01-01T00:01:00Z'],
        ['openbao', '1970-01-01T00:01:00Z'],
      ],
    );
  });

  it('can be made wrong in any claim', () => {
    const { claims } = decode(issuer.mint(aPod(), 'vault', { claims: { iss: 'https://elsewhere' } }).token);
    assert.equal(claims['iss'], 'https://elsewhere');
  });
});
