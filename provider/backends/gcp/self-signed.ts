import { createPrivateKey, sign } from 'node:crypto';
import { KeymountError } from '../../errors.ts';
import type { ServiceAccountKey } from './credentials.ts';

/** Milliseconds; Google takes no longer ones. */
export const selfSignedLife = 3_600_000;

/**
 * An access token that the owner of a service account's key signs for itself (https://google.aip.dev/auth/4111). No server is
 * asked, so nothing in the key file, which a pod may bring, says where keymount connects to. Throws `login-denied`.
 */
export function selfSignedToken({ email, keyId, privateKey }: ServiceAccountKey, scope: string, now: number): string {
  const issued = Math.floor(now / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) };
  const claims = { iss: email, sub: email, scope, iat: issued, exp: issued + selfSignedLife / 1000 };
  const text = `${encode(header)}.${encode(claims)}`;
  try {
    const key = createPrivateKey(privateKey);
    if (key.asymmetricKeyType !== 'rsa') throw new Error('not RSA');
    return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
  } catch {
    throw new KeymountError('login-denied', 'the private_key of the service account key is not an RSA key in PEM');
  }
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
