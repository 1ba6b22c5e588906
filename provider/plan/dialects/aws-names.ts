import type { Fields } from '../fields.ts';
import { type AwsService, isArn, parseArn } from './aws-address.ts';
import type { AwsClass } from './aws-parameters.ts';

const services: Readonly<Record<string, AwsService>> = { secretsmanager: 'secretsmanager', ssmparameter: 'ssm' };

/**
 * `objectName` of an object or its failover object, by the AWS provider's rules for ARNs: the service of an ARN stands in for
 * objectType or agrees with it, and its region is the one that is asked. Reports what is wrong; undefined: the service is not known.
 */
export function checkName(
  fields: Fields,
  name: string,
  objectType: string | undefined,
  region: string | undefined,
): AwsService | undefined {
  const fail = (message: string) => fields.error('objectName', message);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[?\u0000-\u001f\u007f]/.test(name)) fail('must not contain ? or control characters');
  if (name.length > 2048) fail('must not be longer than 2048 characters');
  const wanted = objectType === undefined || !Object.hasOwn(services, objectType) ? undefined : services[objectType];
  if (!isArn(name)) return wanted;
  const arn = parseArn(name);
  if (arn === undefined) {
    fail(`has an invalid ARN format: ${shownName(name)}`);
    return undefined;
  }
  if (arn.service !== 'secretsmanager' && arn.service !== 'ssm') {
    fail(`has the service ${shownName(arn.service)} in its ARN, which must be secretsmanager or ssm`);
    return undefined;
  }
  if (objectType !== undefined && wanted !== arn.service) {
    fields.error('objectType', `does not match the ARN ${shownName(name)}`);
  }
  if (region !== undefined && arn.region !== region)
    fail(`is an ARN whose region must be ${region}: ${shownName(name)}`);
  return arn.service;
}

/** `objectType`; reports a missing or unknown one. A named connection knows its service. */
export function readObjectType(fields: Fields, name: string, isNamed: boolean): string | undefined {
  const text = fields.text('objectType');
  if (text === undefined) {
    if (isArn(name) || isNamed || name === '') return undefined;
    fields.error(
      'objectType',
      `is missing: secretsmanager or ssmparameter, unless a full ARN names ${shownName(name)}`,
    );
    return undefined;
  }
  if (!Object.hasOwn(services, text)) {
    fields.error('objectType', `must be secretsmanager or ssmparameter, not ${shownName(text)}`);
  }
  return text;
}

/** The file of an object: its alias or name, each `/` as the class translates it. */
export function fileName(text: string, { translation }: Pick<AwsClass, 'translation'>): string {
  return translation === undefined ? text.replace(/^\//, '') : text.replaceAll('/', translation);
}

export function shownName(name: string): string {
  return name.length <= 200 ? name : `${name.slice(0, 200)}…`;
}
