import type { Selection } from '../../render/select.ts';
import {
  commonKeys,
  type Freshness,
  laterKeys,
  readDecode,
  readFreshness,
  readJmesPath,
  shown,
} from '../common-keys.ts';
import type { FieldNames, Fields } from '../fields.ts';
import { checkPath } from '../outputs.ts';
import type { Access, Output } from '../plan.ts';
import type { Problems } from '../problems.ts';
import { toGoInteger } from '../scalars.ts';
import type { NewSource } from '../sources.ts';
import { readResourceName } from './gcp-resource.ts';

/** The fields of an entry of `secrets` of secrets-store-csi-driver-provider-gcp 1.12, and the common keys. */
const ownKeys = ['resourceName', 'path', 'fileName', 'mode', 'extractJSONKey', 'extractYAMLKey'];

export const gcpFields: FieldNames = {
  known: [...new Set([...ownKeys, ...commonKeys])],
  unsupported: laterKeys,
  unknown: 'warn',
  required: [['resourceName'], ['path', 'fileName']],
  mistakes: {
    name: 'resourceName',
    objectName: 'resourceName',
    secret: 'resourceName',
    secretName: 'resourceName',
    filename: 'fileName',
    objectAlias: 'path',
    file: 'path',
    filePermission: 'mode',
    permission: 'mode',
    encoding: 'decode',
    objectVersion: 'version',
    extractJsonKey: 'extractJSONKey',
    extractYamlKey: 'extractYAMLKey',
    jsonKey: 'extractJSONKey',
    yamlKey: 'extractYAMLKey',
  },
};

/** Characters of a name in a place. */
const longestName = 100;

/** One entry of `secrets`, or undefined where something is so wrong that nothing can be said of it. */
export function readGcpObject(
  fields: Fields,
  access: Access,
  ofClass: Freshness,
  problems: Problems,
): { source: NewSource; output: Omit<Output, 'source'> } | undefined {
  const path = readPath(fields, problems);
  const address = readAddress(fields);
  const select = readSelection(fields);
  const mode = readFileMode(fields, problems);
  const decode = readDecode(fields);
  const optional = fields.boolean('optional');
  const connection = fields.text('connection');
  if (address === undefined) return undefined;
  // A number in resourceName pins nothing: disabling a version is how one is withdrawn, and the Go provider would notice.
  const pinned = fields.has('version');
  return {
    source: {
      access: connection === undefined ? access : { ...access, connection: { kind: 'named', name: connection } },
      address,
      ...readFreshness(fields, ofClass, pinned),
      at: fields.at,
    },
    output: {
      path,
      select,
      decode,
      ...(mode === undefined ? {} : { mode }),
      optional,
      versionId: address,
      backendVersion: true,
      // Of several entries that cannot be read, the others than the first are told by their place alone.
      at: address.length <= longestName ? { ...fields.at, name: address } : fields.at,
    },
  };
}

/** `path` goes before its older synonym. */
function readPath(fields: Fields, problems: Problems): string {
  const key = fields.text('path') === undefined && fields.text('fileName') !== undefined ? 'fileName' : 'path';
  const path = fields.text(key) ?? '';
  if (path === '') fields.error('path', 'is missing; it names the file');
  else checkPath(path, fields.place(key), problems);
  return path;
}

function readAddress(fields: Fields): string | undefined {
  const name = fields.text('resourceName');
  if (name === undefined) {
    fields.error('resourceName', 'is missing; it is the name of a version, as projects/P/secrets/NAME/versions/latest');
    return undefined;
  }
  const result = readResourceName(name, fields.text('version'));
  if ('address' in result) return result.address;
  fields.error(result.field ?? 'resourceName', result.problem);
  return undefined;
}

function readSelection(fields: Fields): Selection {
  const json = fields.text('extractJSONKey');
  const yaml = fields.text('extractYAMLKey');
  const key = fields.text('key');
  const jmesPath = readJmesPath(fields);
  if (json !== undefined && yaml !== undefined) {
    fields.error('extractYAMLKey', 'cannot be combined with extractJSONKey: keep one');
  } else if (json !== undefined || yaml !== undefined) {
    const own = json === undefined ? 'extractYAMLKey' : 'extractJSONKey';
    for (const other of ['key', 'jmesPath'] as const) {
      if (fields.has(other)) fields.error(other, `cannot be combined with ${own}: keep one`);
    }
  }
  if (json !== undefined) return { textKey: json, of: 'json' };
  if (yaml !== undefined) return { textKey: yaml, of: 'yaml' };
  if (jmesPath !== undefined) return { jmesPath };
  return key === undefined ? { whole: 'keys' } : { key };
}

/**
 * Unquoted as yaml.v3 reads numbers, so that `256` is 0400; quoted, which the Go provider refuses, as octal, for nobody means
 * anything else.
 */
function readFileMode(fields: Fields, problems: Problems): number | undefined {
  const node = fields.scalar('mode');
  if (node === undefined || (node.text === '' && node.plain)) return undefined;
  const quoted = /^(?:0o?)?([0-7]{1,4})$/.exec(node.text)?.[1];
  const value = node.plain ? toGoInteger(node) : quoted === undefined ? undefined : BigInt(`0o${quoted}`);
  const octal = node.plain && /^[1-7][0-7]{2}$/.test(node.text);
  if (value !== undefined && value >= 0n && value <= 0o777n) {
    if (octal)
      problems.warn(fields.place('mode'), `is the decimal number ${node.text}; the octal mode is 0${node.text}`);
    return Number(value);
  }
  const hint = octal ? `; unquoted it is a decimal number, write 0${node.text}` : '';
  fields.error('mode', `must be an octal file mode between 0000 and 0777, not ${shown(node.text)}${hint}`);
  return undefined;
}
