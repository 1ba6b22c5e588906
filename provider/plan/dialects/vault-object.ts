import type { Encoding } from '../../render/encoding.ts';
import { goJson } from '../../render/json.ts';
import type { JsonValue } from '../../util/json.ts';
import {
  commonKeys,
  type Freshness,
  laterKeys,
  readDecode,
  readEncoding,
  readFreshness,
  readJmesPath,
  readMode,
  readRevokeCertificate,
  shown,
} from '../common-keys.ts';
import type { FieldNames, Fields } from '../fields.ts';
import { checkPath } from '../outputs.ts';
import type { Access, Output } from '../plan.ts';
import type { Problems } from '../problems.ts';
import { toGoInteger, toJson } from '../scalars.ts';
import type { NewSource } from '../sources.ts';
import { normaliseSecretPath } from './vault-path.ts';

/** The object fields of hashicorp/vault-csi-provider 1.7 and openbao-csi-provider 2.0, and the common keys. */
const ownKeys = [
  'objectName',
  'secretPath',
  'secretKey',
  'method',
  'secretArgs',
  'filePermission',
  'encoding',
  'revokeCertificate',
];

/** Values of `encoding`, in any case. */
const encodings = ['utf-8', 'base64', 'hex'] as const;

export const vaultFields: FieldNames = {
  known: [...ownKeys, ...commonKeys],
  unsupported: laterKeys,
  unknown: 'warn',
  required: [['objectName'], ['secretPath']],
  mistakes: {
    content: 'encoding',
    objectEncoding: 'encoding',
    name: 'objectName',
    fileName: 'objectName',
    objectAlias: 'objectName',
    path: 'secretPath',
    objectPath: 'secretPath',
    secretName: 'secretPath',
    args: 'secretArgs',
    permission: 'filePermission',
    objectVersion: 'version',
  },
};

/** One object of `objects`, or undefined where something is so wrong that nothing can be said of it. */
export function readVaultObject(
  fields: Fields,
  access: Access,
  ofClass: Freshness,
  problems: Problems,
): { source: NewSource; output: Omit<Output, 'source'> } | undefined {
  const objectName = fields.text('objectName') ?? '';
  const secretPath = fields.text('secretPath') ?? '';
  if (objectName === '') fields.error('objectName', 'is missing; it names the file');
  else checkPath(objectName, fields.place('objectName'), problems);
  const address = readAddress(fields, secretPath);
  const method = readMethod(fields);
  const args = readArgs(fields);
  const secretKey = readKey(fields);
  const jmesPath = readJmesPath(fields);
  if (jmesPath !== undefined && fields.has('secretKey'))
    fields.error('secretKey', 'cannot be combined with jmesPath: keep one');
  const decode = readDecoding(fields, secretKey === undefined && jmesPath === undefined);
  const filePermission = readFilePermission(fields);
  const mode = filePermission === 0 ? readMode(fields) : filePermission;
  const optional = fields.boolean('optional');
  const connection = fields.text('connection');
  if (address === undefined) return undefined;

  const plainRead = method === 'GET' && args === undefined;
  const request = plainRead ? undefined : { method, ...(args === undefined ? {} : { args }) };
  return {
    source: {
      access: connection === undefined ? access : { ...access, connection: { kind: 'named', name: connection } },
      address,
      ...(request === undefined ? {} : { request }),
      ...readRevokeCertificate(fields, address, request),
      ...readFreshness(fields, ofClass, /[?&]version=[1-9]/.test(address)),
      at: fields.at,
    },
    output: {
      path: objectName,
      select: jmesPath !== undefined ? { jmesPath } : secretKey === undefined ? { whole: 'reply' } : { key: secretKey },
      decode,
      ...(mode === undefined ? {} : { mode }),
      optional,
      versionPrefix: versionPrefix(fields, { objectName, secretPath, secretKey, args, filePermission }),
      at: fields.at,
    },
  };
}

function readAddress(fields: Fields, secretPath: string): string | undefined {
  if (secretPath === '') {
    fields.error('secretPath', 'is missing; it is the path of the secret, for example secret/data/app');
    return undefined;
  }
  const result = normaliseSecretPath(secretPath);
  if ('problem' in result) {
    fields.error('secretPath', result.problem);
    return undefined;
  }
  const version = fields.text('version');
  if (version === undefined) return result.address;
  if (!/^[1-9][0-9]*$/.test(version)) fields.error('version', 'must be the number of a KV v2 version');
  if (result.address.includes('?')) {
    fields.error('version', 'cannot be combined with a query in secretPath: write version=… there');
    return undefined;
  }
  return `${result.address}?version=${version}`;
}

function readMethod(fields: Fields): string {
  const text = fields.text('method');
  const method = text?.toUpperCase() ?? 'GET';
  if (['GET', 'PUT', 'POST', 'LIST'].includes(method)) return method;
  fields.error('method', `must be GET, PUT, POST or LIST, not ${shown(text ?? '')}`);
  return 'GET';
}

function readArgs(fields: Fields): JsonValue | undefined {
  const node = fields.node('secretArgs');
  if (node === undefined) return undefined;
  if (node.kind !== 'map') {
    fields.error('secretArgs', 'must be a mapping of argument names to values');
    return undefined;
  }
  return toJson(node);
}

function readKey(fields: Fields): string | undefined {
  const secretKey = fields.text('secretKey');
  const key = fields.text('key');
  if (secretKey !== undefined && key !== undefined) fields.error('key', 'means the same as secretKey: keep one');
  return secretKey ?? key;
}

/** A whole answer is never decoded; the Go provider does not even look at its `encoding`. */
function readDecoding(fields: Fields, isWhole: boolean): Encoding {
  if (fields.has('decode')) {
    if (fields.has('encoding')) fields.error('decode', 'means the same as encoding: keep one');
    const decode = readDecode(fields);
    return isWhole ? 'utf-8' : decode;
  }
  if (!isWhole) return readEncoding(fields, 'encoding', encodings);
  const text = fields.text('encoding')?.toLowerCase();
  if (text !== undefined && !encodings.some((encoding) => encoding === text))
    fields.warn('encoding', 'is ignored without secretKey');
  return 'utf-8';
}

/** 0 where it is absent, as in the Go provider: then the permission of the request counts. */
function readFilePermission(fields: Fields): number {
  const node = fields.scalar('filePermission');
  if (node === undefined || node.text === '') return 0;
  if (fields.has('mode')) fields.error('mode', 'means the same as filePermission: keep one');
  // Unquoted as yaml.v3 reads numbers; quoted, which the Go provider refuses, as octal: nobody means anything else.
  const quoted = /^(?:0o?)?([0-7]{1,4})$/.exec(node.text)?.[1];
  const value = node.plain ? toGoInteger(node) : quoted === undefined ? undefined : BigInt(`0o${quoted}`);
  if (value !== undefined && value >= 0n && value <= 0o777n) {
    if (node.plain && /^[1-7][0-7]{2}$/.test(node.text)) {
      const mode = value.toString(8).padStart(4, '0');
      fields.warn(
        'filePermission',
        `unquoted without a leading 0 is decimal, as in the Go provider: mode ${mode}; write 0${node.text}`,
      );
    }
    return Number(value);
  }
  const octal = /^[0-7]{3}$/.test(node.text) ? `; unquoted it is a decimal number, write 0${node.text}` : '';
  fields.error('filePermission', `must be an octal file mode between 0000 and 0777, not ${shown(node.text)}${octal}`);
  return 0;
}

interface SecretConfig {
  readonly objectName: string;
  readonly secretPath: string;
  readonly secretKey: string | undefined;
  readonly args: JsonValue | undefined;
  readonly filePermission: number;
}

/**
 * The Go provider's secret configuration as JSON, which it mixes into the HMAC of the content. Every field as the author wrote
 * it, so that a class gets the versions here that it had there (golden vectors in the tests).
 */
function versionPrefix(fields: Fields, config: SecretConfig): string {
  const text = (value: string) => goJson(value);
  return (
    `{"ObjectName":${text(config.objectName)},"SecretPath":${text(config.secretPath)},"SecretKey":${text(config.secretKey ?? '')}` +
    `,"Method":${text(fields.text('method') ?? '')},"SecretArgs":${config.args === undefined ? 'null' : goJson(config.args)}` +
    `,"FilePermission":${config.filePermission},"Encoding":${text(fields.text('encoding') ?? '')}}`
  );
}
