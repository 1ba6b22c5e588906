import {
  commonKeys,
  type Freshness,
  freshnessParameters,
  laterKeys,
  readClassFreshness,
  readDecode,
  readFreshness,
  readJmesPath,
  readMode,
  readRevokeCertificate,
  shown,
} from '../common-keys.ts';
import { type FieldNames, Fields } from '../fields.ts';
import { readObjects } from '../objects.ts';
import { checkCollisions, checkPath } from '../outputs.ts';
import { checkParameterNames, type Parameters } from '../parameters.ts';
import type { Access, Output, Plan, Source } from '../plan.ts';
import { Problems } from '../problems.ts';
import { toJson } from '../scalars.ts';
import { type NewSource, Sources } from '../sources.ts';

const objectFields: FieldNames = {
  known: ['file', 'secret', 'request', 'revokeCertificate', ...commonKeys],
  unsupported: laterKeys,
  unknown: 'error',
  required: [],
  mistakes: {
    objectName: 'file',
    fileName: 'file',
    name: 'file',
    path: 'secret',
    secretPath: 'secret',
    secretName: 'secret',
    secretKey: 'key',
    encoding: 'decode',
    filePermission: 'mode',
    objectVersion: 'version',
  },
};

const requestFields: FieldNames = {
  known: ['method', 'args'],
  unsupported: [],
  unknown: 'error',
  required: [],
  mistakes: { secretArgs: 'args' },
};

/** Our own format, `provider: keymount`. Here every unknown field is an error. */
export function parseKeymountClass(parameters: Parameters): Plan {
  const problems = new Problems();
  const sources = new Sources();
  const outputs: Output[] = [];
  const known = ['connection', 'role', 'audience', 'objects', ...freshnessParameters];
  checkParameterNames(parameters, known, { roleName: 'role', secrets: 'objects' }, problems, true);
  const ofClass = readClassFreshness(parameters, problems);
  const address = ['address', 'vaultAddress'].find((name) => parameters.has(name));
  if (address !== undefined)
    problems.error({ path: `parameters.${address}` }, 'belongs to the connection, which the admin sets');
  for (const fields of readObjects(parameters.get('objects'), 'file', objectFields, problems)) {
    const path = fields.text('file') ?? '';
    if (path === '') fields.error('file', 'is missing; it names the file');
    else checkPath(path, fields.place('file'), problems);
    const source = readSource(fields, parameters, ofClass, problems);
    const key = fields.text('key');
    const jmesPath = readJmesPath(fields);
    const mode = readMode(fields);
    outputs.push({
      path,
      source: sources.add(source),
      select: jmesPath !== undefined ? { jmesPath } : key === undefined ? { whole: 'keys' } : { key },
      decode: readDecode(fields),
      ...(mode === undefined ? {} : { mode }),
      optional: fields.boolean('optional'),
      at: fields.at,
    });
  }
  checkCollisions(outputs, problems);
  problems.throwIfAny();
  return { dialect: 'keymount', sources: sources.list, outputs, warnings: problems.warnings };
}

function readSource(fields: Fields, parameters: Parameters, ofClass: Freshness, problems: Problems): NewSource {
  const address = fields.text('secret');
  if (address === undefined) fields.error('secret', 'is missing; it is the name of the secret in its store');
  const version = fields.text('version');
  const request = readRequest(fields, problems);
  return {
    access: readAccess(fields, parameters),
    address: address ?? '',
    ...(version === undefined ? {} : { version }),
    ...(request === undefined ? {} : { request }),
    ...readRevokeCertificate(fields, address ?? '', request),
    ...readFreshness(fields, ofClass, version !== undefined),
    at: fields.at,
  };
}

function readAccess(fields: Fields, parameters: Parameters): Access {
  const name = fields.text('connection') ?? parameters.get('connection') ?? '';
  if (name === '')
    fields.error('connection', 'is missing; name one here or for the whole class in parameters.connection');
  const role = parameters.get('role');
  const audience = parameters.get('audience');
  return { connection: { kind: 'named', name }, ...(role ? { role } : {}), ...(audience ? { audience } : {}) };
}

function readRequest(fields: Fields, problems: Problems): Source['request'] {
  const node = fields.node('request');
  if (node === undefined) return undefined;
  if (node.kind !== 'map') {
    fields.error(
      'request',
      'must hold method and args, for example { method: PUT, args: { common_name: web.shop.svc } }',
    );
    return undefined;
  }
  const request = new Fields(node, fields.place('request'), problems);
  request.checkNames(requestFields);
  const method = (request.text('method') ?? 'PUT').toUpperCase();
  if (!['GET', 'PUT', 'POST', 'LIST'].includes(method)) {
    request.error('method', `must be GET, PUT, POST or LIST, not ${shown(method)}`);
  }
  const args = request.node('args');
  if (args !== undefined && args.kind !== 'map') request.error('args', 'must be a mapping of argument names to values');
  return { method, ...(args === undefined ? {} : { args: toJson(args) }) };
}
