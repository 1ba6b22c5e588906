/**
 * The addresses of AWS objects. A name or an ARN, behind it what else the read is of: `prod/stripe?label=AWSPREVIOUS`. Where one
 * connection reaches both services, a name begins with its service: `secretsmanager:prod/stripe`, `ssm:/app/prod/db`.
 */

export const awsServices = ['secretsmanager', 'ssm'] as const;
export type AwsService = (typeof awsServices)[number];

export interface AwsAddress {
  /** Undefined: the connection or the ARN says it. */
  readonly service?: AwsService | undefined;
  readonly name: string;
  /** A staging label of a secret, a label of a parameter. */
  readonly label?: string | undefined;
  /** Name and label in the failover region, where they differ. */
  readonly failoverName?: string | undefined;
  readonly failoverLabel?: string | undefined;
}

export function formatAwsAddress({ service, name, label, failoverName, failoverLabel }: AwsAddress): string {
  const query = new URLSearchParams();
  if (label !== undefined) query.set('label', label);
  if (failoverName !== undefined) query.set('failover', failoverName);
  if (failoverLabel !== undefined) query.set('failoverLabel', failoverLabel);
  const prefix = service === undefined || isArn(name) ? '' : `${service}:`;
  return prefix + name + (query.size === 0 ? '' : `?${query}`);
}

/** Undefined: something behind the `?` is not known. */
export function parseAwsAddress(text: string): AwsAddress | undefined {
  const [, prefix, name = '', question] = /^(?:(secretsmanager|ssm):)?([^?]*)(?:\?(.*))?$/s.exec(text) ?? [];
  const query = new URLSearchParams(question ?? '');
  const known = ['label', 'failover', 'failoverLabel'];
  if ([...query].some(([key, value]) => !known.includes(key) || value === '')) return undefined;
  return {
    service: awsServices.find((each) => each === prefix),
    name,
    label: query.get('label') ?? undefined,
    failoverName: query.get('failover') ?? undefined,
    failoverLabel: query.get('failoverLabel') ?? undefined,
  };
}

export function isArn(name: string): boolean {
  return name.startsWith('arn:');
}

/** The parts of an ARN; undefined if it has too few. As in the AWS SDK for Go. */
export function parseArn(text: string): { service: string; region: string; resource: string } | undefined {
  const parts = text.split(':');
  if (parts[0] !== 'arn' || parts.length < 6) return undefined;
  return { service: parts[2] ?? '', region: parts[3] ?? '', resource: parts.slice(5).join(':') };
}
