import * as z from 'zod';
import { type Address, parseAddress } from '../../net/address.ts';
import type { AwsService } from '../../plan/dialects/aws-address.ts';
import { isAwsRegion, isProxyUrl } from '../../settings/address.ts';
import { durationForm, parseDuration } from '../../util/duration.ts';
import { irsaAudience, podIdentityAudience } from '../audiences.ts';

/** Which services of AWS are asked, in which regions, and as whom. */
export interface AwsConnection {
  /** Of sources that do not say it; undefined: they have to. */
  readonly service: AwsService | undefined;
  /** Undefined: the node's label `topology.kubernetes.io/region` says it. */
  readonly region: string | undefined;
  /** Asked where the region does not answer. */
  readonly failoverRegion: string | undefined;
  readonly auth: AwsAuth;
  /** A role that the pod's own identity takes on. */
  readonly assumeRole: AssumedRole | undefined;
  /** In place of the public addresses. */
  readonly endpoints: AwsEndpoints;
  readonly fips: boolean;
  readonly dualStack: boolean;
  /** PEM file of the CAs that are trusted instead of the usual ones. */
  readonly ca: string | undefined;
  /** Read secrets 20 at a time. */
  readonly batch: boolean;
  /** May the API server be asked for a token that the driver did not send? */
  readonly tokenRequest: boolean;
  /** Milliseconds for one request. */
  readonly timeout: number;
  /** Milliseconds for one answer of the Pod Identity agent. */
  readonly agentTimeout: number;
  /** Tries after the first. */
  readonly retries: number;
  /** Requests in flight to one address. */
  readonly maxConcurrent: number;
  readonly proxy: string | undefined;
}

export type AwsAuth =
  /** The pod's token for a role: of the class, of the connection, or of the annotation of its ServiceAccount. */
  | { readonly method: 'irsa'; readonly role?: string | undefined; readonly audience: string }
  /** EKS Pod Identity: the agent on the node knows the role. */
  | { readonly method: 'pod-identity'; readonly addressType: 'auto' | 'ipv4' | 'ipv6'; readonly audience: string };

export interface AssumedRole {
  readonly arn: string;
  readonly externalId?: string | undefined;
  /** Seconds. */
  readonly duration?: number | undefined;
  readonly sessionName?: string | undefined;
}

export interface AwsEndpoints {
  readonly secretsmanager?: Address | undefined;
  readonly ssm?: Address | undefined;
  readonly sts?: Address | undefined;
  readonly podIdentity?: Address | undefined;
}

const line = z.string().refine((text) => text !== '' && !/[\r\n\0]/.test(text), 'must be one line of text');
const region = z.string().refine(isAwsRegion, 'must be a region, as eu-central-1');
const role = z.string().regex(/^arn:[a-z-]+:iam::\d{12}:role\/[\w+=,.@/-]+$/, 'must be the ARN of a role');

const address = z.string().transform((text, context): Address => {
  const result = parseAddress(text);
  if ('address' in result) return result.address;
  context.addIssue({ code: 'custom', message: result.problem });
  return z.NEVER;
});

const duration = z.string().transform((text, context): number => {
  const value = parseDuration(text);
  if (value !== undefined && value > 0) return value;
  context.addIssue({ code: 'custom', message: `must be ${durationForm}, but not 0` });
  return z.NEVER;
});

const auth = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('irsa'), role: role.optional(), audience: line.default(irsaAudience) }),
  z.strictObject({
    method: z.literal('pod-identity'),
    addressType: z.enum(['auto', 'ipv4', 'ipv6']).default('auto'),
    audience: line.default(podIdentityAudience),
  }),
]);

const assumeRole = z.strictObject({
  arn: role,
  externalId: z.string().min(2).max(1224).optional(),
  duration: duration
    .refine((ms) => ms >= 900_000 && ms <= 43_200_000, 'must be 15m to 12h')
    .transform((ms) => Math.round(ms / 1000))
    .optional(),
  sessionName: z
    .string()
    .regex(/^[\w+=,.@-]{2,64}$/, 'must have 2 to 64 letters, digits and +=,.@-')
    .optional(),
});

/** `kind: aws-secretsmanager` or `aws-ssm`; of a kind that reaches both, sources name the service. */
export function awsConnectionSchema(service: AwsService | undefined): z.ZodType<AwsConnection> {
  return z
    .strictObject({
      region: region.optional(),
      failoverRegion: region.optional(),
      auth: auth.default({ method: 'irsa', audience: irsaAudience }),
      assumeRole: assumeRole.optional(),
      endpoint: address.optional(),
      stsEndpoint: address.optional(),
      podIdentityEndpoint: address.optional(),
      fips: z.boolean().default(false),
      dualStack: z.boolean().default(false),
      ca: line.refine((text) => text.startsWith('/'), 'must be an absolute path').optional(),
      batch: z.boolean().default(false),
      timeout: duration.default(10_000),
      retries: z.int().min(0).max(10).default(2),
      maxConcurrent: z.int().min(1).max(10_000).default(64),
      proxy: line
        .refine(isProxyUrl, 'must be the URL of a proxy, as http://squid:3128 or socks5://gate:1080')
        .optional(),
    })
    .refine((given) => given.failoverRegion === undefined || given.failoverRegion !== given.region, {
      path: ['failoverRegion'],
      message: 'must be another region',
    })
    .transform(({ endpoint, stsEndpoint, podIdentityEndpoint, ...rest }) => ({
      ...rest,
      service,
      tokenRequest: true,
      region: rest.region,
      failoverRegion: rest.failoverRegion,
      assumeRole: rest.assumeRole,
      ca: rest.ca,
      proxy: rest.proxy,
      agentTimeout: Math.min(rest.timeout, 5_000),
      endpoints: { secretsmanager: endpoint, ssm: endpoint, sts: stsEndpoint, podIdentity: podIdentityEndpoint },
    }));
}
