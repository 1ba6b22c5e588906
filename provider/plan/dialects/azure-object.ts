import type { Encoding } from '../../render/encoding.ts';
import type { Selection } from '../../render/select.ts';
import {
  commonKeys,
  type Freshness,
  laterKeys,
  readDecode,
  readFreshness,
  readJmesPath,
  readMode,
  shown,
} from '../common-keys.ts';
import type { FieldNames, Fields } from '../fields.ts';
import { checkPath } from '../outputs.ts';
import type { Access, Output } from '../plan.ts';
import type { Problems } from '../problems.ts';
import type { NewSource } from '../sources.ts';

/** The object fields of secrets-store-csi-driver-provider-azure 1.8, and the common keys. */
const ownKeys = [
  'objectName',
  'objectType',
  'objectAlias',
  'objectVersion',
  'objectVersionHistory',
  'objectFormat',
  'objectEncoding',
  'filePermission',
];

export const azureFields: FieldNames = {
  known: [...ownKeys, ...commonKeys],
  unsupported: laterKeys,
  unknown: 'warn',
  required: [['objectName'], ['objectType']],
  mistakes: {
    encoding: 'objectEncoding',
    content: 'objectEncoding',
    name: 'objectName',
    secretName: 'objectName',
    alias: 'objectAlias',
    fileName: 'objectAlias',
    type: 'objectType',
    format: 'objectFormat',
    permission: 'filePermission',
    versionHistory: 'objectVersionHistory',
  },
};

/** Collections of the Key Vault API by objectType. */
const collections: Readonly<Record<string, string>> = { secret: 'secrets', key: 'keys', cert: 'certificates' };

/** A file for each is a read for each. */
const longestHistory = 100;

interface AzureObject {
  readonly source: NewSource;
  readonly outputs: readonly Omit<Output, 'source'>[];
}

/** One object: a read, or several for a history, each with its files. Empty where it cannot be read at all. */
export function readAzureObject(
  fields: Fields,
  ofClassAccess: Access,
  ofClass: Freshness,
  separateCertAndKey: boolean,
  problems: Problems,
): AzureObject[] {
  const name = trimmed(fields, 'objectName') ?? '';
  const path = trimmed(fields, 'objectAlias') ?? name;
  if (name === '') fields.error('objectName', 'is missing; file name must not be empty');
  else checkPath(path, fields.place(fields.has('objectAlias') ? 'objectAlias' : 'objectName'), problems);
  const type = trimmed(fields, 'objectType') ?? '';
  const collection = readCollection(fields, type);
  const pinned = readVersion(fields);
  const history = readHistory(fields);
  const output = readOutput(fields, type);
  const connection = trimmed(fields, 'connection');
  const access: Access =
    connection === undefined ? ofClassAccess : { ...ofClassAccess, connection: { kind: 'named', name: connection } };
  if (collection === undefined || name === '') return [];

  const separate = separateCertAndKey && type === 'secret' && isWhole(output.select);
  const asPfx = readFormat(fields, type) === 'pfx';
  const objectAt = (index: number): AzureObject => {
    const of = history > 1 ? `/${index}` : '';
    // Only what is a certificate has such parts; of a PKCS#12 file that stays one, they are empty.
    const partAs = (suffix: string, part: string) => ({
      ...output,
      path: `${path}${of}${suffix}`,
      select: { part },
      optional: true,
      versionId: `${type}/${name}${of}`,
    });
    return {
      source: {
        access,
        // The newest may be disabled: a history begins at the newest that is not.
        address: `${collection}/${name}${history > 1 ? `~${index}` : ''}`,
        ...(pinned === undefined ? {} : { version: pinned }),
        ...readFreshness(fields, ofClass, pinned !== undefined),
        at: fields.at,
      },
      outputs: [
        ...(separate ? [partAs('.crt', asPfx ? 'empty' : 'certificates')] : []),
        ...(separate ? [partAs('.key', asPfx ? 'empty' : 'key')] : []),
        {
          ...output,
          path: `${path}${of}`,
          // There may be fewer versions than wanted.
          optional: output.optional || index > 0,
          versionId: `${type}/${name}${of}`,
        },
      ],
    };
  };
  return Array.from({ length: Math.max(1, history) }, (_, index) => objectAt(index));
}

function isWhole(select: Selection): boolean {
  return 'whole' in select || 'part' in select;
}

/** What all files of an object have in common. */
function readOutput(fields: Fields, type: string): Omit<Output, 'source' | 'path' | 'versionId'> {
  const key = fields.text('key');
  const jmesPath = readJmesPath(fields);
  const mode = readFilePermission(fields);
  const format = readFormat(fields, type);
  const whole: Selection = type === 'secret' && format === 'pfx' ? { part: 'value' } : { whole: 'keys' };
  return {
    select: key !== undefined ? { key } : jmesPath !== undefined ? { jmesPath } : whole,
    decode: readDecoding(fields, type),
    ...(mode === undefined ? {} : { mode }),
    optional: fields.boolean('optional'),
    backendVersion: true,
    at: fields.at,
  };
}

function readCollection(fields: Fields, type: string): string | undefined {
  const collection = Object.hasOwn(collections, type) ? collections[type] : undefined;
  if (collection === undefined) {
    const given = type === '' ? 'is missing; it' : `is ${shown(type)}, but`;
    fields.error('objectType', `${given} must be secret, key or cert`);
  }
  return collection;
}

/** Undefined for the newest: absent, empty, or `latest`, which the Go provider knows in a history only. */
function readVersion(fields: Fields): string | undefined {
  const own = trimmed(fields, 'objectVersion');
  const common = trimmed(fields, 'version');
  if (own !== undefined && common !== undefined) fields.error('version', 'means the same as objectVersion: keep one');
  const version = own ?? common;
  return version === undefined || version === 'latest' ? undefined : version;
}

function readHistory(fields: Fields): number {
  const text = trimmed(fields, 'objectVersionHistory');
  if (text === undefined) return 0;
  const count = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (count <= longestHistory) return count;
  fields.error('objectVersionHistory', `must be a number of versions, at most ${longestHistory}, not ${shown(text)}`);
  return 0;
}

function readFormat(fields: Fields, type: string): 'pem' | 'pfx' {
  const text = trimmed(fields, 'objectFormat') ?? 'pem';
  const format = text.toLowerCase();
  if (format !== 'pem' && format !== 'pfx') {
    report(fields, 'objectFormat', `is ${shown(text)}, but should be PEM or PFX`);
    return 'pem';
  }
  if (format === 'pfx' && type !== 'secret') {
    report(fields, 'objectFormat', 'PFX format only supported for objectType: secret');
  }
  return format;
}

/** A field that is read more than once is wrong once. */
const reported = new WeakMap<Fields, Set<string>>();
function report(fields: Fields, key: string, message: string): void {
  const known = reported.get(fields) ?? new Set();
  reported.set(fields, known);
  if (known.has(key)) return;
  known.add(key);
  fields.error(key, message);
}

function readDecoding(fields: Fields, type: string): Encoding {
  const own = trimmed(fields, 'objectEncoding');
  if (own !== undefined && type !== 'secret') {
    fields.error('objectEncoding', 'objectEncoding only supported for objectType: secret');
  }
  if (fields.has('decode')) {
    if (own !== undefined) fields.error('decode', 'means the same as objectEncoding: keep one');
    return readDecode(fields);
  }
  const encoding = (own ?? 'utf-8').toLowerCase();
  if (encoding === 'utf-8' || encoding === 'base64' || encoding === 'hex') return encoding;
  fields.error('objectEncoding', `is ${shown(own ?? '')}, but should be hex, base64 or utf-8`);
  return 'utf-8';
}

/** Octal however it is written; the Go provider makes mode 0 of what it cannot read. */
function readFilePermission(fields: Fields): number | undefined {
  const text = trimmed(fields, 'filePermission');
  if (text === undefined) return readMode(fields);
  if (fields.has('mode')) fields.error('mode', 'means the same as filePermission: keep one');
  const digits = /^(?:0o?)?([0-7]{1,4})$/.exec(text)?.[1];
  const mode = digits === undefined ? Number.NaN : Number.parseInt(digits, 8);
  if (mode <= 0o777) return mode;
  fields.error('filePermission', `must be an octal file mode between 0000 and 0777, not ${shown(text)}`);
  return undefined;
}

/** The Go provider trims every field. */
function trimmed(fields: Fields, key: string): string | undefined {
  return fields.text(key)?.trim() || undefined;
}
