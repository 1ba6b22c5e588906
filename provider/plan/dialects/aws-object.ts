import { commonKeys, type Freshness, laterKeys, readDecode, readFreshness, readMode, shown } from '../common-keys.ts';
import { type FieldNames, Fields } from '../fields.ts';
import { checkPath } from '../outputs.ts';
import type { Access, Output } from '../plan.ts';
import type { Problems } from '../problems.ts';
import type { NewSource } from '../sources.ts';
import { isNull } from '../yaml.ts';
import { type AwsService, formatAwsAddress } from './aws-address.ts';
import { checkName, fileName, readObjectType, shownName } from './aws-names.ts';
import type { AwsClass } from './aws-parameters.ts';
import { readSelections } from './aws-selection.ts';
import type { GoStruct } from './aws-yaml.ts';

const ownKeys = ['objectName', 'objectType', 'objectAlias', 'objectVersion', 'objectVersionLabel', 'filePermission'];

/** The object fields of aws/secrets-store-csi-driver-provider-aws 3.1. */
export const awsStruct: GoStruct = {
  texts: ownKeys,
  structs: {
    jmesPath: { texts: ['path', 'objectAlias', 'filePermission'], structs: {} },
    failoverObject: { texts: ['objectName', 'objectVersion', 'objectVersionLabel'], structs: {} },
  },
};

export const awsFields: FieldNames = {
  known: [...ownKeys, 'jmesPath', 'failoverObject', ...commonKeys],
  unsupported: laterKeys,
  unknown: 'warn',
  required: [['objectName']],
  // sigs.k8s.io/yaml 1.x, by way of yaml.v2 and JSON
  lastCounts: true,
  mistakes: {
    name: 'objectName',
    secretName: 'objectName',
    type: 'objectType',
    alias: 'objectAlias',
    fileName: 'objectAlias',
    versionLabel: 'objectVersionLabel',
    versionStage: 'objectVersionLabel',
    permission: 'filePermission',
    encoding: 'decode',
    secretKey: 'key',
  },
};

const failoverFields: FieldNames = {
  known: ['objectName', 'objectVersion', 'objectVersionLabel'],
  unsupported: [],
  unknown: 'warn',
  required: [['objectName']],
  mistakes: {},
};

/** One object of `objects`: what to read, and the files that it becomes. */
export interface AwsObject {
  readonly name: string;
  readonly alias: string | undefined;
  readonly label: string | undefined;
  readonly source: NewSource;
  readonly outputs: readonly Omit<Output, 'source'>[];
}

export function readAwsObject(fields: Fields, ofClass: AwsClass, freshness: Freshness, problems: Problems): AwsObject {
  const name = fields.text('objectName') ?? '';
  if (name === '') fields.error('objectName', 'is missing: the object name must be specified');
  const named = fields.text('connection');
  const isNamed = named !== undefined || ofClass.access.connection.kind === 'named';
  const objectType = readObjectType(fields, name, isNamed);
  const service = name === '' ? undefined : checkName(fields, name, objectType, isNamed ? undefined : ofClass.region);
  const version = readVersion(fields);
  const label = fields.text('objectVersionLabel');
  if (service === 'ssm' && version !== undefined && label !== undefined) bothVersions(fields, name);
  const failover = readFailover(fields, { name, service, version, isNamed }, ofClass, problems);
  const address = formatAwsAddress({ service: isNamed ? undefined : service, name, label, ...failover });
  return {
    name,
    alias: fields.text('objectAlias'),
    label,
    source: {
      access: accessOf(ofClass.access, named),
      address,
      ...(version === undefined ? {} : { version }),
      // Not in the address, which the allow rules of a named connection are about.
      ...(isNamed && service !== undefined ? { type: service } : {}),
      ...readFreshness(fields, freshness, version !== undefined),
      at: fields.at,
    },
    outputs: readOutputs(fields, name, ofClass, problems),
  };
}

function accessOf(access: Access, named: string | undefined): Access {
  return named === undefined ? access : { connection: { kind: 'named', name: named } };
}

function readOutputs(fields: Fields, name: string, ofClass: AwsClass, problems: Problems): Omit<Output, 'source'>[] {
  const path = fileName(fields.text('objectAlias') ?? name, ofClass);
  if (name !== '') checkPath(path, fields.place(fields.has('objectAlias') ? 'objectAlias' : 'objectName'), problems);
  const mode = readFilePermission(fields) ?? readMode(fields);
  const { select, further } = readSelections(fields, ofClass, problems);
  const shared = {
    decode: readDecode(fields),
    ...(mode === undefined ? {} : { mode }),
    optional: fields.boolean('optional'),
    backendVersion: true,
    at: fields.at,
  };
  return [{ ...shared, path, select }, ...further.map((each) => ({ ...shared, ...each }))];
}

/** `objectVersion`, or the common key. */
function readVersion(fields: Fields): string | undefined {
  if (fields.has('objectVersion') && fields.has('version')) {
    fields.error('version', 'means the same as objectVersion: keep one');
  }
  return fields.text('objectVersion') ?? fields.text('version');
}

function bothVersions(fields: Fields, name: string): void {
  fields.error(
    'objectVersion',
    `ssm parameters can not specify both objectVersion and objectVersionLabel: ${shownName(name)}`,
  );
}

/** `filePermission`, by the AWS provider's rule; the driver takes none above 0777. */
export function readFilePermission(fields: Fields): number | undefined {
  const text = fields.text('filePermission');
  if (text === undefined) return undefined;
  if (fields.has('mode')) fields.error('mode', 'means the same as filePermission: keep one');
  const mode = /^[0-7]{4}$/.test(text) ? Number.parseInt(text, 8) : undefined;
  if (mode !== undefined && mode <= 0o777) return mode;
  fields.error('filePermission', `must be four octal digits in quotes up to "0777", as "0644", not ${shown(text)}`);
  return undefined;
}

interface Primary {
  readonly name: string;
  readonly service: AwsService | undefined;
  readonly version: string | undefined;
  readonly isNamed: boolean;
}

function readFailover(
  fields: Fields,
  { name, service, version, isNamed }: Primary,
  { failoverRegion }: AwsClass,
  problems: Problems,
): { failoverName?: string; failoverLabel?: string } {
  const node = fields.node('failoverObject');
  if (node === undefined) return {};
  const fail = (message: string) => fields.error('failoverObject', message);
  if (node.kind !== 'map') {
    fail('must hold the objectName in the failover region');
    return {};
  }
  if (node.entries.every(({ value }) => isNull(value))) {
    fields.warn('failoverObject', 'is empty and ignored');
    return {};
  }
  const failover = new Fields(node, { ...fields.place('failoverObject') }, problems);
  failover.checkNames(failoverFields);
  if (isNamed) fail('cannot be combined with a named connection, which brings its own failover region');
  else if (failoverRegion === undefined)
    fail(`is allowed only when the failover region is defined: ${shownName(name)}`);
  if (!fields.has('objectAlias')) fail(`needs the objectAlias of the object: ${shownName(name)}`);
  const other = failover.text('objectName');
  if (other === undefined) failover.error('objectName', 'is missing: the object name must be specified');
  else checkName(failover, other, service === 'ssm' ? 'ssmparameter' : service, failoverRegion);
  const otherVersion = failover.text('objectVersion');
  if (otherVersion !== version) {
    failover.error('objectVersion', `must match between primary and failover regions: ${shownName(name)}`);
  }
  const label = failover.text('objectVersionLabel');
  if (service === 'ssm' && otherVersion !== undefined && label !== undefined) bothVersions(failover, other ?? '');
  return {
    ...(other === undefined ? {} : { failoverName: other }),
    ...(label === undefined ? {} : { failoverLabel: label }),
  };
}
