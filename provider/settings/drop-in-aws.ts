import { awsRegion, duration, path, proxyUrl, serverAddress, whole, yesNo } from './kinds.ts';
import type { KnobsOf } from './knob.ts';
import type { AwsDropIn } from './settings.ts';

/**
 * What holds for AWS classes. The variables are those of the AWS SDKs, as far as they say where to ask; AWS_ACCESS_KEY_ID and its
 * like never count, for every pod asks with its own identity.
 */
export const awsKnobs: KnobsOf<AwsDropIn> = {
  region: {
    kind: awsRegion,
    default: undefined,
    flag: 'aws-region',
    variables: ['AWS_REGION'],
    about: "Region of classes that name none. Unless set, the node's label `topology.kubernetes.io/region` says it.",
  },
  fips: {
    kind: yesNo,
    default: false,
    flag: 'aws-use-fips-endpoint',
    variables: ['AWS_USE_FIPS_ENDPOINT'],
    about: 'Ask the FIPS endpoints of Secrets Manager, Parameter Store and STS.',
  },
  dualStack: {
    kind: yesNo,
    default: false,
    flag: 'aws-use-dualstack-endpoint',
    variables: ['AWS_USE_DUALSTACK_ENDPOINT'],
    about: 'Ask endpoints that have IPv4 and IPv6 addresses.',
  },
  endpoints: {
    all: endpoint('all', 'AWS_ENDPOINT_URL', 'Address of all three services, for emulators and private endpoints.'),
    secretsManager: endpoint(
      'secrets-manager',
      'AWS_ENDPOINT_URL_SECRETS_MANAGER',
      'Address of Secrets Manager, for classes of every region.',
    ),
    ssm: endpoint('ssm', 'AWS_ENDPOINT_URL_SSM', 'Address of Parameter Store, for classes of every region.'),
    sts: endpoint('sts', 'AWS_ENDPOINT_URL_STS', 'Address of STS, for classes of every region.'),
    podIdentity: {
      kind: serverAddress,
      default: undefined,
      flag: 'aws-pod-identity-endpoint',
      about:
        'Address of the EKS Pod Identity agent. Unless set, `http://169.254.170.23`, or `http://[fd00:ec2::23]` where that does not answer.',
    },
  },
  ca: {
    kind: path,
    default: undefined,
    flag: 'aws-ca-bundle',
    variables: ['AWS_CA_BUNDLE'],
    about: 'PEM file of the CAs that are trusted instead of the usual ones.',
  },
  batch: {
    kind: yesNo,
    default: false,
    flag: 'aws-batch',
    about:
      'Read secrets 20 at a time with `BatchGetSecretValue` where the role may; it has to be allowed on `*`. Otherwise one by one, side by side.',
  },
  tokenRequest: {
    kind: yesNo,
    default: false,
    flag: 'aws-token-request',
    about:
      "Ask the API server for the pod's token where the driver sent none, as `tokenRequestFallback` allows. Off by default: the Go provider refuses such a Mount, because the CSIDriver lacks `tokenRequests`.",
  },
  podIdentityTimeout: {
    kind: duration(1),
    default: 5_000,
    flag: 'pod-identity-http-timeout',
    about: 'Time for one answer of the EKS Pod Identity agent.',
  },
  timeout: { kind: duration(1), default: 10_000, flag: 'aws-timeout', about: 'Time for one request.' },
  retries: {
    kind: whole(0, 10),
    default: 2,
    flag: 'aws-retries',
    about: 'Tries after the first, where a repeat can help.',
  },
  maxConcurrent: {
    kind: whole(1, 10_000),
    default: 64,
    flag: 'aws-max-concurrent',
    about: 'Requests in flight to one address.',
  },
  proxy: {
    kind: proxyUrl,
    default: undefined,
    flag: 'aws-proxy',
    about: 'Proxy for these requests, instead of `proxy.https` and `proxy.http`.',
  },
};

function endpoint(name: string, variable: string, about: string) {
  return { kind: serverAddress, default: undefined, flag: `aws-endpoint-${name}`, variables: [variable], about };
}
