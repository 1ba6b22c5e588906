import { KeymountError } from '../errors.ts';
import type { Encoding } from './encoding.ts';

/**
 * Strict decoders: what is not in the encoding from the first to the last character is an error, never half a file (Node's own
 * decoders skip what they do not know). Base64 may be broken into lines, as Go's decoder allows. The value is never shown.
 */
export function decode(text: string, encoding: Encoding): Uint8Array {
  switch (encoding) {
    case 'utf-8':
      return Buffer.from(text);
    case 'base64':
      return decodeBase64(text.replace(/[\r\n]/g, ''), 'base64');
    case 'base64url':
      return decodeBase64(text.replace(/[\r\n]/g, ''), 'base64url');
    case 'hex':
      if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) throw notEncoded('hex');
      return Buffer.from(text, 'hex');
  }
}

const alphabets = {
  base64: /^[A-Za-z0-9+/]*={0,2}$/,
  base64url: /^[A-Za-z0-9_-]*={0,2}$/,
};

/** Standard base64 must be padded, as in Go; base64url may be (JWTs are not). */
function decodeBase64(text: string, encoding: 'base64' | 'base64url'): Uint8Array {
  if (!alphabets[encoding].test(text)) throw notEncoded(encoding);
  const digits = text.replace(/=+$/, '').length;
  const padded = text.length > digits || encoding === 'base64';
  if (digits % 4 === 1 || (padded && text.length % 4 !== 0)) throw notEncoded(encoding);
  return Buffer.from(text, encoding);
}

function notEncoded(encoding: Encoding): KeymountError {
  return new KeymountError('value-invalid', `the value is not valid ${encoding}`, {
    hint: 'store the value in that encoding, or remove the encoding from the object',
  });
}
