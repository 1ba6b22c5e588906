import { KeymountError } from '../../errors.ts';
import { type AwsService, isArn, parseArn, parseAwsAddress } from '../../plan/dialects/aws-address.ts';
import type { Source } from '../../plan/plan.ts';
import type { AskedFor } from '../backend.ts';

/** What to read. */
export interface AwsRef {
  readonly service: AwsService;
  /** A name or an ARN. */
  readonly name: string;
  readonly version: string | undefined;
  readonly label: string | undefined;
  /** The same in the failover region. */
  readonly failover: { readonly name: string; readonly label: string | undefined } | undefined;
}

/** `service`: that of the connection. Throws `class-invalid`. */
export function parseAwsRef(source: Source, service: AwsService | undefined): AwsRef {
  const refuse = (message: string, hint?: string) =>
    new KeymountError('class-invalid', message, { at: source.at, hint });
  if (source.request !== undefined) throw refuse('AWS has no requests, only names of secrets and parameters');
  const address = parseAwsAddress(source.address);
  if (address === undefined) {
    throw refuse('what stands behind the ? of the name is not known', 'a label is written as ?label=AWSPREVIOUS');
  }
  const { name, label, failoverName, failoverLabel } = address;
  const problem = problemOf(name, service !== undefined);
  if (problem !== undefined) throw refuse(`the name ${problem}`);
  const arn = isArn(name) ? parseArn(name) : undefined;
  if (isArn(name) && arn === undefined) throw refuse(`${name} is not an ARN`);
  checkType(source, name, service, refuse);
  const known = [arn?.service, address.service, service].filter((each) => each !== undefined);
  const [first] = new Set(known);
  if (first !== 'secretsmanager' && first !== 'ssm') throw refuse(`nothing says what service of AWS ${name} is in`);
  if (known.some((each) => each !== first)) {
    throw refuse(`${name} is not in ${service === 'ssm' ? titles.ssm : titles.secretsmanager}`);
  }
  // A name of the class's own would pass the allow rules of the connection, which see the first.
  if (service !== undefined && failoverName !== undefined) throw refuse('the failover region has the same names');
  if (first === 'ssm' && source.version !== undefined && label !== undefined) {
    throw refuse('a parameter cannot have both a version and a label');
  }
  const failover =
    failoverName === undefined && failoverLabel === undefined
      ? undefined
      : { name: failoverName ?? name, label: failoverLabel ?? label };
  return { service: first, name, version: source.version, label, failover };
}

const titles: Readonly<Record<AwsService, string>> = { secretsmanager: 'Secrets Manager', ssm: 'Parameter Store' };

/** An AWS class says with `objectType` what it expects of an object, also where a named connection brings the service. */
function checkType(
  { type }: Source,
  name: string,
  service: AwsService | undefined,
  refuse: (message: string) => KeymountError,
): void {
  if (service === undefined || (type !== 'secretsmanager' && type !== 'ssm') || type === service) return;
  throw refuse(
    `objectType says that ${name} is in ${titles[type]}, but its connection reads ${titles[service]}: correct one of them`,
  );
}

/** AWS takes names as they are. Those of a named connection are plain, so that its allow rules mean what they look like. */
function problemOf(name: string, isNamed: boolean): string | undefined {
  if (name === '') return 'is empty';
  if (name.length > 2048) return 'is longer than 2048 characters';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'must not contain control characters';
  const elements = name.replace(/^\//, '').split('/');
  if (isNamed && elements.some((element) => element === '' || element === '.' || element === '..')) {
    return "must not contain '//', '.' or '..' elements";
  }
  return undefined;
}

/** What to ask for in a region. An ARN of the other region stands for the replica, which differs from it in the region alone. */
export function targetIn(ref: AwsRef, region: string, isFailover: boolean): Pick<AwsRef, 'name' | 'label' | 'version'> {
  const { name, label } = isFailover ? (ref.failover ?? ref) : ref;
  const target = { name, label, version: ref.version };
  if (!isArn(name)) return target;
  const parts = name.split(':');
  if (parts[3] === region) return target;
  if (isFailover && ref.failover?.name !== name) return { ...target, name: parts.with(3, region).join(':') };
  throw new KeymountError('class-invalid', `the region of an ARN must be ${region}: ${name}`);
}

/** What `allow` rules judge: the name or ARN. A parameter's name may end with a version or label, `/app/db:3`. */
export function askedOfAws({ service, name }: AwsRef): AskedFor {
  if (service !== 'ssm') return { method: 'GET', name };
  const parts = name.split(':');
  return { method: 'GET', name: parts.slice(0, isArn(name) ? 6 : 1).join(':') };
}
