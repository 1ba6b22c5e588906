import { KeymountError } from '../../errors.ts';
import { type Address, parseAddress } from '../../net/address.ts';
import type { DialectName, InlineSettings } from '../../plan/plan.ts';
import { irsaAudience, podIdentityAudience } from '../audiences.ts';
import type { AdminSettings } from '../backend.ts';
import type { AssumedRole, AwsConnection } from './connection.ts';

/**
 * A connection as an AWS class describes it, over the admin's defaults. A class chooses regions and roles, never an address. The
 * settings are `region`, `failoverRegion`, `podIdentity`, `addressType` and `assumeRole…`. Throws `class-invalid`.
 */
export function inlineConnection(
  settings: InlineSettings,
  _profile: DialectName,
  { dropIn: { aws } }: AdminSettings,
): AwsConnection {
  const region = text(settings, 'region') ?? aws.region;
  const failoverRegion = text(settings, 'failoverRegion');
  if (region !== undefined && region === failoverRegion) throw sameRegion(region);
  const { endpoints } = aws;
  const addressType = text(settings, 'addressType');
  return {
    service: undefined,
    region,
    failoverRegion,
    auth:
      settings['podIdentity'] === true
        ? {
            method: 'pod-identity',
            addressType: addressType === 'ipv4' || addressType === 'ipv6' ? addressType : 'auto',
            audience: podIdentityAudience,
          }
        : { method: 'irsa', audience: irsaAudience },
    assumeRole: assumedRole(settings),
    endpoints: {
      secretsmanager: addressOf(endpoints.secretsManager ?? endpoints.all),
      ssm: addressOf(endpoints.ssm ?? endpoints.all),
      sts: addressOf(endpoints.sts ?? endpoints.all),
      podIdentity: addressOf(endpoints.podIdentity),
    },
    fips: aws.fips,
    dualStack: aws.dualStack,
    ca: aws.ca,
    batch: aws.batch,
    tokenRequest: aws.tokenRequest,
    timeout: aws.timeout,
    agentTimeout: aws.podIdentityTimeout,
    retries: aws.retries,
    maxConcurrent: aws.maxConcurrent,
    proxy: aws.proxy,
  };
}

/** The class may leave the region to the settings or the node, so this may come out late. */
export function sameRegion(region: string): KeymountError {
  return new KeymountError('class-invalid', `${region}: failover region cannot be the same as the primary region`, {
    at: { path: 'parameters.failoverRegion' },
  });
}

function assumedRole(settings: InlineSettings): AssumedRole | undefined {
  const arn = text(settings, 'assumeRoleArn');
  if (arn === undefined) return undefined;
  const seconds = text(settings, 'assumeRoleDurationSeconds');
  return {
    arn,
    externalId: text(settings, 'assumeRoleExternalId'),
    duration: seconds === undefined ? undefined : Number(seconds),
    sessionName: text(settings, 'assumeRoleSessionName'),
  };
}

function addressOf(value: string | undefined): Address | undefined {
  if (value === undefined) return undefined;
  const result = parseAddress(value);
  if ('address' in result) return result.address;
  throw new KeymountError('settings-invalid', `an endpoint of dropIn.aws ${result.problem}`);
}

function text(settings: InlineSettings, name: string): string | undefined {
  const value = Object.hasOwn(settings, name) ? settings[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
