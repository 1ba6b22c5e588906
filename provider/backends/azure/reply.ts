import { createPublicKey } from 'node:crypto';
import { KeymountError, toKeymountError } from '../../errors.ts';
import type { Reply } from '../../net/request.ts';
import { orderChain, splitPem, toPem } from '../../render/pem.ts';
import { readPkcs12 } from '../../render/pkcs12.ts';
import { isJsonObject, type JsonObject, ownKey, parseJson } from '../../util/json.ts';
import type { Secret } from '../backend.ts';
import { jsonObjectOf } from './reason.ts';
import { type AzureRef, describeRef } from './ref.ts';
import { validityOf } from './validity.ts';

export interface ReplyOptions {
  readonly ref: AzureRef;
  readonly constructPemChain: boolean;
  /** Milliseconds of the clock. */
  readonly now: number;
}

/**
 * A reply of status 200 as a secret; its `problem` is that of a certificate that cannot be converted. Throws `backend-reply-invalid`
 * and `value-invalid`.
 */
export async function replyToSecret(reply: Reply, options: ReplyOptions): Promise<Secret> {
  const body = jsonObjectOf(reply.body);
  if (body === undefined) throw unusable(options.ref, 'is no JSON object');
  const size = reply.body.length;
  const rest = { size, ...validityOf(body, options.ref, options.now) };
  switch (options.ref.collection) {
    case 'secrets':
      return { ...(await readSecret(body, options)), ...rest };
    case 'keys':
      return { ...readKey(body, options.ref), ...rest };
    case 'certificates':
      return { ...readCertificate(body, options.ref), ...rest };
  }
}

type Read = Pick<Secret, 'bytes' | 'keys' | 'parts' | 'problem' | 'version'>;

async function readSecret(body: JsonObject, options: ReplyOptions): Promise<Read> {
  const { ref } = options;
  const value = textOf(body, 'value');
  if (value === undefined) throw unusable(ref, 'has no value: secret value is nil');
  const version = versionOf(textOf(body, 'id'), ref, 'secret id is nil');
  // Only a certificate's secret has a key id.
  if (!textOf(body, 'kid')) return { bytes: Buffer.from(value), version, parts: { value }, ...keysOf(value) };
  const asItIs = { value, empty: '' };
  try {
    const pem = await toPemText(value, textOf(body, 'contentType'), options);
    const { certificates, key } = splitPem(pem);
    return { bytes: Buffer.from(pem), version, parts: { ...asItIs, certificates, key } };
  } catch (thrown) {
    // Whoever wants the file as it is, with objectFormat pfx, needs no PEM of it.
    return { version, parts: asItIs, problem: toKeymountError(thrown) };
  }
}

/** A secret that is a JSON object has keys. */
function keysOf(value: string): Pick<Secret, 'keys'> {
  if (!/^\s*\{/.test(value)) return {};
  try {
    const keys = parseJson(value);
    return isJsonObject(keys) ? { keys } : {};
  } catch {
    return {};
  }
}

async function toPemText(value: string, contentType: string | undefined, options: ReplyOptions): Promise<string> {
  if (contentType === 'application/x-pem-file') return value;
  if (contentType !== 'application/x-pkcs12') {
    const type = contentType === undefined ? 'is missing' : `is '${contentType.slice(0, 60)}'`;
    throw new KeymountError('value-invalid', `failed to get certificate. unknown content type: it ${type}`, {
      hint: 'a certificate of a Key Vault is application/x-pkcs12 or application/x-pem-file',
    });
  }
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value)) {
    throw new KeymountError('value-invalid', 'the PKCS#12 file is not valid base64');
  }
  const { keys, certificates } = await readPkcs12(Buffer.from(value, 'base64'));
  const ordered = options.constructPemChain ? orderChain(certificates) : certificates;
  return [...keys.map((der) => toPem('PRIVATE KEY', der)), ...ordered.map((der) => toPem('CERTIFICATE', der))].join('');
}

const curves: readonly string[] = ['P-256', 'P-384', 'P-521'];

/** The public key of an RSA or EC key, also of one in an HSM, as PEM. */
function readKey(body: JsonObject, ref: AzureRef): Read {
  const key = ownKey(body, 'key');
  if (!isJsonObject(key)) throw unusable(ref, 'has no key: key value is nil');
  const version = versionOf(textOf(key, 'kid'), ref, 'key id is nil');
  const kty = textOf(key, 'kty') ?? '';
  const plain = kty.replace(/-HSM$/, '');
  if (plain !== 'RSA' && plain !== 'EC') {
    throw new KeymountError(
      'value-invalid',
      `failed to get key. key type '${kty.slice(0, 40)}' currently not supported`,
    );
  }
  const part = (name: string) => textOf(key, name) ?? '';
  const crv = part('crv');
  if (plain === 'EC' && !curves.includes(crv)) {
    throw new KeymountError('value-invalid', `curve ${crv.slice(0, 40)} is not supported`, {
      hint: `supported are ${curves.join(', ')}`,
    });
  }
  const jwk =
    plain === 'RSA' ? { kty: plain, n: part('n'), e: part('e') } : { kty: plain, crv, x: part('x'), y: part('y') };
  try {
    const der = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' });
    return { bytes: Buffer.from(toPem('PUBLIC KEY', der)), version };
  } catch {
    throw unusable(ref, 'is no usable key');
  }
}

function readCertificate(body: JsonObject, ref: AzureRef): Read {
  const cer = textOf(body, 'cer');
  if (cer === undefined || cer === '') throw unusable(ref, 'has no certificate: certificate value is nil');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(cer)) throw unusable(ref, 'is no certificate');
  const version = versionOf(textOf(body, 'id'), ref, 'certificate id is nil');
  return { bytes: Buffer.from(toPem('CERTIFICATE', Buffer.from(cer, 'base64'))), version };
}

/** The last part of an id, `https://shop.vault.azure.net/secrets/license/1f30…`. */
function versionOf(id: string | undefined, ref: AzureRef, absent: string): string {
  const [collection, name, version = ''] = id?.split('/').slice(-3) ?? [];
  if (version === '') throw unusable(ref, `has no id: ${absent}`);
  // Names of Key Vault know no case.
  const isOwn = collection === ref.collection && name?.toLowerCase() === ref.name.toLowerCase();
  if (!isOwn || (ref.version !== undefined && ref.back === undefined && version !== ref.version))
    throw unusable(ref, 'is of something else');
  return version;
}

function textOf(object: JsonObject, name: string): string | undefined {
  const value = ownKey(object, name);
  return typeof value === 'string' ? value : undefined;
}

function unusable(ref: AzureRef, what: string): KeymountError {
  return new KeymountError('backend-reply-invalid', `the answer for ${describeRef(ref)} ${what}`);
}
