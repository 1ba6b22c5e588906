import { isAwsRegion } from '../../settings/address.ts';
import { freshnessParameters, shown } from '../common-keys.ts';
import { checkParameterNames, type Parameters } from '../parameters.ts';
import type { Access } from '../plan.ts';
import type { Problems } from '../problems.ts';
import { parseGoBool } from '../scalars.ts';

/** What an AWS class says of itself, beside its objects. */
export interface AwsClass {
  readonly access: Access;
  /** Undefined: the settings or the node say it. */
  readonly region: string | undefined;
  readonly failoverRegion: string | undefined;
  /** What a `/` in a file name becomes; undefined: it stays. */
  readonly translation: string | undefined;
}

const identityNames = ['region', 'failoverRegion', 'usePodIdentity', 'preferredAddressType'];
const roleNames = ['assumeRoleArn', 'assumeRoleExternalId', 'assumeRoleDurationSeconds', 'assumeRoleSessionName'];

const mistakes: Record<string, string> = {
  roleArn: 'assumeRoleArn',
  role_arn: 'assumeRoleArn',
  roleARN: 'assumeRoleArn',
  assumeRole: 'assumeRoleArn',
  externalId: 'assumeRoleExternalId',
  awsRegion: 'region',
  secrets: 'objects',
  podIdentity: 'usePodIdentity',
};

export function readAwsClass(parameters: Parameters, problems: Problems): AwsClass {
  const known = [...identityNames, ...roleNames, 'pathTranslation', 'objects', 'connection', ...freshnessParameters];
  checkParameterNames(parameters, known, mistakes, problems);
  const given = (name: string) => parameters.get(name) || undefined;
  const region = readRegion('region', parameters, problems);
  const failoverRegion = readRegion('failoverRegion', parameters, problems);
  if (failoverRegion !== undefined && failoverRegion === region) {
    problems.error(
      { path: 'parameters.failoverRegion' },
      `${region}: failover region cannot be the same as the primary region`,
    );
  }
  const translation = readTranslation(given('pathTranslation'), problems);
  const connection = given('connection');
  const own = [...identityNames, ...roleNames].filter((name) => given(name) !== undefined);
  if (connection !== undefined && own.length > 0) {
    problems.error(
      { path: 'parameters.connection' },
      `a named connection brings its own ${own.join(', ')}: remove either the connection or those parameters`,
    );
  }
  const access: Access =
    connection === undefined
      ? inlineAccess(parameters, region, failoverRegion, problems)
      : { connection: { kind: 'named', name: connection } };
  return { access, region, failoverRegion, translation };
}

function inlineAccess(
  parameters: Parameters,
  region: string | undefined,
  failoverRegion: string | undefined,
  problems: Problems,
): Access {
  const podIdentity = readFlag('usePodIdentity', parameters, problems);
  // Anything else means auto, as in the AWS provider.
  const family = parameters.get('preferredAddressType')?.toLowerCase();
  const settings: Record<string, string | boolean> = {};
  if (region !== undefined) settings['region'] = region;
  if (failoverRegion !== undefined) settings['failoverRegion'] = failoverRegion;
  if (podIdentity) settings['podIdentity'] = true;
  if (podIdentity && (family === 'ipv4' || family === 'ipv6')) settings['addressType'] = family;
  for (const name of roleNames) {
    const value = parameters.get(name) ?? '';
    if (value !== '') settings[name] = value;
  }
  checkRole(settings, problems);
  return { connection: { kind: 'inline', backend: 'aws', profile: 'aws', settings } };
}

/** The limits are those of sts:AssumeRole (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html). */
function checkRole(settings: Readonly<Record<string, string | boolean>>, problems: Problems): void {
  const check = (name: string, form: RegExp, mustBe: string) => {
    const value = settings[name];
    if (typeof value === 'string' && !form.test(value)) problems.error({ path: `parameters.${name}` }, mustBe);
  };
  check('assumeRoleArn', /^arn:[a-z-]+:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/, 'must be the ARN of a role');
  check('assumeRoleExternalId', /^[\w+=,.@:/-]{2,1224}$/, 'must have 2 to 1224 letters, digits and +=,.@:/-');
  check('assumeRoleSessionName', /^[\w+=,.@-]{2,64}$/, 'must have 2 to 64 letters, digits and +=,.@-');
  check('assumeRoleDurationSeconds', /^(?:9\d\d|[1-9]\d{3,4})$/, 'must be a number of seconds, 900 or more');
  const stray = roleNames.slice(1).find((name) => settings[name] !== undefined);
  if (stray !== undefined && settings['assumeRoleArn'] === undefined) {
    problems.error({ path: `parameters.${stray}` }, 'has no effect without assumeRoleArn');
  }
}

function readRegion(name: string, parameters: Parameters, problems: Problems): string | undefined {
  const text = parameters.get(name) ?? '';
  if (text === '') return undefined;
  if (!isAwsRegion(text)) {
    problems.error({ path: `parameters.${name}` }, `must be a region, as eu-central-1, not ${shown(text)}`);
  }
  return text;
}

function readFlag(name: string, parameters: Parameters, problems: Problems): boolean {
  const text = parameters.get(name) ?? '';
  if (text === '') return false;
  const value = parseGoBool(text);
  if (value === undefined)
    problems.error({ path: `parameters.${name}` }, `must be "true" or "false", not ${shown(text)}`);
  return value ?? false;
}

function readTranslation(text: string | undefined, problems: Problems): string | undefined {
  if (text === undefined) return '_';
  if (text.toLowerCase() === 'false') return undefined;
  if (Buffer.byteLength(text) !== 1) {
    problems.error(
      { path: 'parameters.pathTranslation' },
      `must be either "False" or a single character, not ${shown(text)}`,
    );
  }
  return text;
}
