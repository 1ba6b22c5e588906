import { type Address, parseAddress } from '../../net/address.ts';
import type { AwsService } from '../../plan/dialects/aws-address.ts';
import type { AwsConnection } from './connection.ts';

export type Service = AwsService | 'sts';

/** Domains of a partition, by the beginning of its regions (aws-sdk-js-v3, partitions.json of 2026). */
const partitions: readonly { readonly regions: RegExp; readonly domain: string; readonly dualStack: string }[] = [
  { regions: /^cn-/, domain: 'amazonaws.com.cn', dualStack: 'api.amazonwebservices.com.cn' },
  { regions: /^eusc-/, domain: 'amazonaws.eu', dualStack: 'api.amazonwebservices.eu' },
  { regions: /^us-iso-/, domain: 'c2s.ic.gov', dualStack: 'api.aws.ic.gov' },
  { regions: /^us-isob-/, domain: 'sc2s.sgov.gov', dualStack: 'api.aws.scloud' },
  { regions: /^eu-isoe-/, domain: 'cloud.adc-e.uk', dualStack: 'api.cloud-aws.adc-e.uk' },
  { regions: /^us-isof-/, domain: 'csp.hci.ic.gov', dualStack: 'api.aws.hci.ic.gov' },
  { regions: /^/, domain: 'amazonaws.com', dualStack: 'api.aws' },
];

type Settings = Pick<AwsConnection, 'endpoints' | 'fips' | 'dualStack'>;

/** Where a service of a region listens. `region` must be one DNS label. */
export function endpointOf(service: Service, region: string, { endpoints, fips, dualStack }: Settings): Address {
  const own = endpoints[service];
  if (own !== undefined) return own;
  const partition = partitions.find(({ regions }) => regions.test(region));
  // The usual names of Secrets Manager have both kinds of addresses there.
  const isDual =
    service === 'secretsmanager' && (partition?.domain === 'amazonaws.com' || (region.startsWith('cn-') && !fips));
  const domain = (dualStack && !isDual ? partition?.dualStack : partition?.domain) ?? 'amazonaws.com';
  // In GovCloud the usual names of these two are the FIPS endpoints.
  const isFipsName = region.startsWith('us-gov-') && service !== 'secretsmanager' && !dualStack;
  const name = fips && !isFipsName ? `${service}-fips` : service;
  return parse(`https://${name}.${region}.${domain}`);
}

/** STS as it was before it had regions, for ServiceAccounts with `sts-regional-endpoints: "false"`. */
export function globalSts(region: string, settings: Settings): { readonly address: Address; readonly region: string } {
  const isPublic = endpointOf('sts', region, settings).text === `https://sts.${region}.amazonaws.com`;
  if (!isPublic) return { address: endpointOf('sts', region, settings), region };
  return { address: parse('https://sts.amazonaws.com'), region: 'us-east-1' };
}

function parse(text: string): Address {
  const result = parseAddress(text);
  if ('address' in result) return result.address;
  throw new Error(`not an address: ${result.problem}`);
}
