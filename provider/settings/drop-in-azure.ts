import { many } from './kind.ts';
import { duration, line, path, podAccount, proxyUrl, serverAddress, whole, yesNo } from './kinds.ts';
import type { KnobsOf } from './knob.ts';
import type { AzureDropIn } from './settings.ts';

/** What holds for `azure` classes. Flags are named as those of the Go provider, with `azure-` before them. */
export const azureKnobs: KnobsOf<AzureDropIn> = {
  cloudName: {
    kind: line,
    default: 'AzurePublicCloud',
    flag: 'azure-cloud-name',
    about:
      'Cloud of classes that name none: `AzurePublicCloud`, `AzureUSGovernmentCloud`, `AzureChinaCloud`, `AzureGermanCloud` or `AzureStackCloud`.',
  },
  environmentFile: {
    kind: path,
    default: undefined,
    flag: 'azure-environment-file',
    variables: ['AZURE_ENVIRONMENT_FILEPATH'],
    about: 'JSON file with the endpoints of `AzureStackCloud`, for classes that name none in `cloudEnvFileName`.',
  },
  environmentDir: {
    kind: path,
    default: undefined,
    flag: 'azure-environment-dir',
    about:
      "Directory below which the files of `cloudEnvFileName` must lie. Unless set they may lie anywhere on keymount's own disk, where only the admin puts files.",
  },
  tenant: {
    kind: line,
    default: undefined,
    flag: 'azure-tenant',
    about: 'Tenant of classes without `tenantID` whose ServiceAccount has no `azure.workload.identity/tenant-id`.',
  },
  audience: {
    kind: line,
    default: 'api://AzureADTokenExchange',
    flag: 'azure-audience',
    about: "Audience of the pod's token for workload identity, as the federated credentials of the identities have it.",
  },
  tokenRequest: {
    kind: yesNo,
    default: false,
    flag: 'azure-token-request',
    about:
      "Ask the API server for the pod's token where the driver sent none, as `tokenRequestFallback` allows. Off by default: the Go provider refuses such a Mount, because the CSIDriver lacks `tokenRequests`.",
  },
  managedIdentity: {
    kind: many(podAccount),
    default: [],
    flag: 'azure-managed-identity',
    about:
      "Pods whose classes may use `useVMManagedIdentity`, as `namespace/serviceaccount` with `*` for any run of characters; `*/*` is everybody. It is the node's identity, not the pod's, so nobody may unless set.",
  },
  managedIdentityEndpoint: {
    kind: serverAddress,
    default: 'http://169.254.169.254',
    flag: 'azure-managed-identity-endpoint',
    variables: ['AZURE_POD_IDENTITY_AUTHORITY_HOST'],
    about: 'Address of the instance metadata service, for `useVMManagedIdentity`.',
  },
  tokenProxy: {
    url: {
      kind: serverAddress,
      default: 'https://kubernetes.default.svc.cluster.local',
      flag: 'azure-token-proxy-url',
      about: 'The token proxy of AKS identity binding, for `useAzureTokenProxy`.',
    },
    sniName: {
      kind: line,
      default: undefined,
      flag: 'azure-sni-name',
      about: 'TLS server name of the token proxy. Unless set it is derived from the certificate of the API server.',
    },
    ca: {
      kind: path,
      default: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
      flag: 'azure-token-proxy-ca',
      about: 'PEM file of the CA of the token proxy.',
    },
  },
  constructPemChain: {
    kind: yesNo,
    default: true,
    flag: 'azure-construct-pem-chain',
    about: 'Order the certificates that come from a PKCS#12 file as server, intermediates, root.',
  },
  separateCertAndKey: {
    kind: yesNo,
    default: false,
    flag: 'azure-write-cert-and-key-in-separate-files',
    about: "Write `<file>.crt` and `<file>.key` beside the file of a certificate's secret.",
  },
  ca: {
    kind: path,
    default: undefined,
    flag: 'azure-ca',
    about: 'PEM file of the CAs that are trusted instead of the usual ones, for vaults and the login of Azure Stack.',
  },
  timeout: {
    kind: duration(100),
    default: 10_000,
    flag: 'azure-timeout',
    about: 'Longest time for one request.',
  },
  retries: {
    kind: whole(0, 10),
    default: 3,
    flag: 'azure-retries',
    about: 'Tries after the first, where a repeat can help.',
  },
  maxConcurrent: {
    kind: whole(1, 10_000),
    default: 64,
    flag: 'azure-max-concurrent',
    about: 'Requests in flight to one vault.',
  },
  proxy: {
    kind: proxyUrl,
    default: undefined,
    flag: 'azure-proxy',
    about: 'Proxy for these requests, instead of `proxy.https` and `proxy.http`.',
  },
};
