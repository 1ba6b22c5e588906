import * as z from 'zod';
import { parseAddress } from '../../net/address.ts';
import { isProxyUrl } from '../../settings/address.ts';
import type { AllowRule } from '../../settings/settings.ts';
import { durationForm, parseDuration } from '../../util/duration.ts';
import { type Endpoints, endpointsOf, templateProblem } from './endpoints.ts';

/** Where Google Cloud's APIs are, and as whom to ask. */
export interface GcpConnection {
  readonly endpoints: Endpoints;
  /** For secrets that are named by their id alone. */
  readonly project: string | undefined;
  /** For the same: a region, or `global`. */
  readonly location: string;
  readonly auth: GcpAuth;
  /** PEM file of the CAs that are trusted instead of the usual ones. */
  readonly ca: string | undefined;
  /** Milliseconds for one request. */
  readonly timeout: number;
  /** Tries after the first. */
  readonly retries: number;
  /** Requests in flight to one host. */
  readonly maxConcurrent: number;
  readonly proxy: string | undefined;
  /** Who may use an identity that is not the pod's, for the connection of a drop-in class. */
  readonly allow: readonly AllowRule[] | undefined;
}

/** What is known of the cluster; the metadata server knows the rest. */
export interface ClusterFacts {
  readonly project?: string | undefined;
  readonly location?: string | undefined;
  readonly name?: string | undefined;
  /** Begins the issuer of the cluster's tokens, as Google Cloud knows it. */
  readonly endpoint: string;
}

export type GcpAuth =
  /** The pod's token, exchanged at its workload identity pool. */
  | {
      readonly method: 'workload-identity';
      readonly cluster: ClusterFacts;
      /** A credentials file of type `external_account`, which names the pool where the cluster is not GKE. */
      readonly credentials: string | undefined;
      /** Audience of the pool, whatever cluster and credentials file say. */
      readonly audience: string | undefined;
      /** Google service account to impersonate, whatever the annotations of the pod's ServiceAccount say. */
      readonly serviceAccount: string | undefined;
      readonly delegates: readonly string[];
      /**
       * `key.json` of `nodePublishSecretRef` goes before it, if there is one (`allowed`), unless the class asks for the pod's
       * identity by name (`refused`).
       */
      readonly publishSecret: 'ignored' | 'allowed' | 'refused';
    }
  /** `key.json` of `nodePublishSecretRef`: the key of a Google service account. */
  | { readonly method: 'service-account-key' }
  /** keymount's own identity, of its credentials file or of its node. */
  | {
      readonly method: 'provider-adc';
      readonly credentials: string | undefined;
      /** A drop-in class that asks for it must not bring a `key.json` as well. */
      readonly refusesKey: boolean;
    };

export const defaultClusterEndpoint = 'https://container.googleapis.com/v1';

const line = z.string().refine((text) => text !== '' && !/[\r\n\0]/.test(text), 'must be one line of text');
const path = line.refine((text) => text.startsWith('/'), 'must be an absolute path');

function parsed<Out>(parse: (text: string) => { readonly problem: string } | { readonly value: Out }) {
  return z.string().transform((text, context): Out => {
    const result = parse(text);
    if ('value' in result) return result.value;
    context.addIssue({ code: 'custom', message: result.problem });
    return z.NEVER;
  });
}

const address = parsed((text) => {
  const result = parseAddress(text);
  return 'address' in result ? { value: text } : result;
});
const template = parsed((text) => {
  const problem = templateProblem(text);
  return problem === undefined ? { value: text } : { problem };
});
const duration = parsed((text) => {
  const value = parseDuration(text);
  return value === undefined || value === 0 ? { problem: `must be ${durationForm}, but not 0` } : { value };
});
const host = line.refine((text) => /^[\w.-]+(?::\d{1,5})?$/.test(text), 'must be host or host:port');
const domain = line.refine((text) => /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(text), 'must be a domain');
const email = line.refine((text) => /^[\w.-]+@[\w.-]+$/.test(text), 'must be the e-mail of a service account');
const resource = line.refine((text) => /^[\w.:-]+$/.test(text), 'must be an id as Google Cloud has them');
const where = line.refine((text) => /^[a-z0-9-]{1,30}$/.test(text), 'must be global or a region, as europe-west1');

const workloadIdentity = z.strictObject({
  method: z.literal('workload-identity'),
  cluster: z
    .strictObject({ project: resource.optional(), location: where.optional(), name: resource.optional() })
    .default({}),
  credentials: path.optional(),
  audience: line.optional(),
  serviceAccount: email.optional(),
  delegates: z.array(email).default([]),
});
const auth = z.discriminatedUnion('method', [
  workloadIdentity,
  z.strictObject({ method: z.literal('service-account-key') }),
  z.strictObject({ method: z.literal('provider-adc'), credentials: path.optional() }),
]);

/** `kind: gcp-secretmanager` or `gcp-parametermanager`; the kinds differ in what an id alone names. */
export const gcpConnectionSchema: z.ZodType<GcpConnection> = z
  .strictObject({
    project: resource.optional(),
    location: where.default('global'),
    endpoint: template.optional(),
    regionalEndpoint: template.optional(),
    iamEndpoint: address.optional(),
    tokenEndpoint: address.optional(),
    metadataHost: host.optional(),
    universeDomain: domain.default('googleapis.com'),
    auth: auth.default({ method: 'workload-identity', cluster: {}, delegates: [] }),
    ca: path.optional(),
    timeout: duration.default(10_000),
    retries: z.int().min(0).max(10).default(2),
    maxConcurrent: z.int().min(1).max(10_000).default(64),
    proxy: line.refine(isProxyUrl, 'must be the URL of a proxy, as http://squid:3128 or socks5://gate:1080').optional(),
  })
  .transform(
    ({ project, location, auth, ca, timeout, retries, maxConcurrent, proxy, ...options }): GcpConnection => ({
      endpoints: endpointsOf(options),
      project,
      location,
      auth: authOf(auth),
      ca,
      timeout,
      retries,
      maxConcurrent,
      proxy,
      allow: undefined,
    }),
  );

function authOf(given: z.infer<typeof auth>): GcpAuth {
  switch (given.method) {
    case 'service-account-key':
      return given;
    case 'provider-adc':
      return { ...given, credentials: given.credentials, refusesKey: false };
    case 'workload-identity': {
      const { credentials, audience, serviceAccount } = given;
      const cluster = { ...given.cluster, endpoint: defaultClusterEndpoint };
      return { ...given, cluster, credentials, audience, serviceAccount, publishSecret: 'ignored' };
    }
  }
}
