import { isServerAddress } from './address.ts';
import { checked, many } from './kind.ts';
import { duration, line, path, podAccount, proxyUrl, serverAddress, whole, yesNo } from './kinds.ts';
import type { KnobsOf } from './knob.ts';
import type { GcpDropIn } from './settings.ts';

/** As a server address, in which `{service}` and `{location}` may stand. */
const serviceAddress = checked(
  'url',
  'https://host:port or http://host:port, where {service} and {location} may stand',
  (text) => isServerAddress(text.replaceAll('{service}', 's').replaceAll('{location}', 'l')),
);

const hostWithPort = checked('host', 'host or host:port', (text) => /^[\w.-]{1,253}(?::\d{1,5})?$/.test(text));

const cloudDomain = checked('domain', 'a domain, as googleapis.com', (text) =>
  /^[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+$/.test(text),
);

/**
 * What holds for `gcp` and `gke` classes. The variables are those of the Go provider and of Google's libraries, as far as they say
 * where to ask.
 */
export const gcpKnobs: KnobsOf<GcpDropIn> = {
  endpoint: {
    kind: serviceAddress,
    default: undefined,
    flag: 'gcp-endpoint',
    about:
      'Address of Secret Manager and Parameter Manager, for Private Service Connect and emulators. `{service}` stands for `secretmanager` or `parametermanager`, as in `https://{service}-shop.p.googleapis.com`.',
  },
  regionalEndpoint: {
    kind: serviceAddress,
    default: undefined,
    flag: 'gcp-regional-endpoint',
    about: 'The same for regional secrets and parameters; `{location}` stands for the region. Unless set, `endpoint`.',
  },
  iamEndpoint: {
    kind: serverAddress,
    default: undefined,
    flag: 'gcp-iam-endpoint',
    about: 'Address of the IAM Service Account Credentials API.',
  },
  tokenEndpoint: {
    kind: serverAddress,
    default: undefined,
    flag: 'gcp-token-endpoint',
    variables: ['GAIA_TOKEN_EXCHANGE_ENDPOINT'],
    about:
      'URL at which the token of a pod is exchanged. Unless set, `https://securetoken.googleapis.com/v1/identitybindingtoken`.',
  },
  metadataHost: {
    kind: hostWithPort,
    default: undefined,
    flag: 'gcp-metadata-host',
    variables: ['GCE_METADATA_HOST'],
    about: 'The metadata server of the node. Unless set, `169.254.169.254`.',
  },
  universeDomain: {
    kind: cloudDomain,
    default: 'googleapis.com',
    flag: 'gcp-universe-domain',
    variables: ['GOOGLE_CLOUD_UNIVERSE_DOMAIN'],
    about: 'Domain of the APIs.',
  },
  cluster: {
    project: cluster('project', 'PROJECT', 'Project of the GKE cluster.'),
    location: cluster('location', 'CLUSTER_LOCATION', 'Region or zone of the GKE cluster.'),
    name: cluster('name', 'CLUSTER_NAME', 'Name of the GKE cluster.'),
    endpoint: {
      kind: serverAddress,
      default: 'https://container.googleapis.com/v1',
      flag: 'gcp-workload-identity-endpoint',
      variables: ['GKE_WORKLOAD_IDENTITY_ENDPOINT'],
      about: "What the issuer of the cluster's tokens begins with, as Google Cloud knows it.",
    },
  },
  credentials: {
    kind: path,
    default: undefined,
    flag: 'gcp-credentials',
    variables: ['GOOGLE_APPLICATION_CREDENTIALS'],
    about:
      'A credentials file. Of type `external_account` it names the workload identity pool where the cluster is not GKE; `auth: provider-adc` logs in with it.',
  },
  publishSecret: {
    kind: yesNo,
    default: false,
    flag: 'gcp-node-publish-secret',
    variables: ['ALLOW_NODE_PUBLISH_SECRET'],
    about:
      'Log in with `key.json` of the Secret that a pod names in `nodePublishSecretRef`. Unless allowed it is ignored.',
  },
  providerIdentity: {
    kind: many(podAccount),
    default: [],
    flag: 'gcp-provider-identity',
    about:
      'Who may use `auth: provider-adc`, which reads as keymount itself and not as the pod: `namespace/serviceaccount`, where `*` stands for any run of characters. Nobody unless set.',
  },
  ca: {
    kind: path,
    default: undefined,
    flag: 'gcp-ca',
    about:
      "PEM file of the CAs that are trusted instead of the usual ones, for Google's APIs, the token exchange and IAM alike.",
  },
  timeout: { kind: duration(1), default: 10_000, flag: 'gcp-timeout', about: 'Time for one request.' },
  retries: {
    kind: whole(0, 10),
    default: 2,
    flag: 'gcp-retries',
    about: 'Tries after the first, where a repeat can help.',
  },
  maxConcurrent: {
    kind: whole(1, 10_000),
    default: 64,
    flag: 'gcp-max-concurrent',
    about: 'Requests in flight to one address.',
  },
  proxy: {
    kind: proxyUrl,
    default: undefined,
    flag: 'gcp-proxy',
    about: 'Proxy for these requests, instead of `proxy.https` and `proxy.http`.',
  },
};

function cluster(name: string, variable: string, about: string) {
  const rest = ' Unless set, the metadata server says it.';
  return { kind: line, default: undefined, flag: `gcp-cluster-${name}`, variables: [variable], about: about + rest };
}
