import * as z from 'zod';
import { type Address, parseAddress } from '../../net/address.ts';
import type { TlsSettings } from '../../net/agents.ts';
import { isProxyUrl } from '../../settings/address.ts';
import type { AllowRule } from '../../settings/settings.ts';
import { durationForm, parseDuration } from '../../util/duration.ts';
import { azureAudience } from '../audiences.ts';
import { type CloudChoice, findCloud, isStackCloud } from './clouds.ts';

/** Where a Key Vault is, and as whom to ask it. */
export interface AzureConnection {
  /** A vault's name, which its cloud makes an address of, or the whole address. */
  readonly vault: string | Address;
  readonly cloud: CloudChoice;
  /** Instead of the cloud's own address for logins. */
  readonly authority: Address | undefined;
  /** Undefined: the ServiceAccount's annotation says it. */
  readonly tenant: string | undefined;
  /** Where no annotation says it either. */
  readonly fallbackTenant: string | undefined;
  readonly auth: AzureAuth;
  /** Of a class's own connection with an identity that is the admin's. */
  readonly allow: readonly AllowRule[] | undefined;
  readonly constructPemChain: boolean;
  /** May the API server be asked for a token that the driver did not send? */
  readonly tokenRequest: boolean;
  readonly tls: TlsSettings;
  /** Milliseconds for one request. */
  readonly timeout: number;
  /** Tries after the first. */
  readonly retries: number;
  /** Requests in flight to the vault. */
  readonly maxConcurrent: number;
  readonly proxy: string | undefined;
  /** A class chose the vault: names that resolve to link-local or metadata addresses are refused when connecting. */
  readonly guarded: boolean;
}

/** `clientId` undefined: the annotation `azure.workload.identity/client-id` of the ServiceAccount says it. */
export type AzureAuth =
  | { readonly method: 'workload-identity'; readonly clientId?: string | undefined; readonly audience: string }
  /** The same through the token proxy of AKS, for one identity in many clusters. */
  | { readonly method: 'identity-binding'; readonly clientId?: string | undefined; readonly proxy: TokenProxy }
  /** The node's; `clientId` picks one of several. */
  | { readonly method: 'managed-identity'; readonly clientId?: string | undefined; readonly endpoint: Address }
  /** `clientid` and `clientsecret` of the Secret of `nodePublishSecretRef`. */
  | { readonly method: 'service-principal' }
  /** A drop-in class that names no identity: the Secret of `nodePublishSecretRef`, else the ServiceAccount's annotations. */
  | { readonly method: 'pod'; readonly audience: string };

export interface TokenProxy {
  readonly address: Address;
  /** Undefined: made from the certificate of the API server. */
  readonly sniName: string | undefined;
  readonly ca: string | undefined;
}

export const metadataAddress = 'http://169.254.169.254';
export const usualTokenProxy = {
  url: 'https://kubernetes.default.svc.cluster.local',
  ca: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
};

export function isVaultName(text: string): boolean {
  return /^[-a-zA-Z0-9]{3,24}$/.test(text);
}

/** A tenant's id or domain; it becomes a part of a path. */
export function isTenant(text: string): boolean {
  return /^[0-9A-Za-z][0-9A-Za-z.-]{0,252}$/.test(text) && !text.includes('..');
}

export function isClientId(text: string): boolean {
  return /^[\x21-\x7e]{1,200}$/.test(text);
}

const line = z.string().refine((text) => text !== '' && !/[\r\n\0]/.test(text), 'must be one line of text');
const path = line.refine((text) => text.startsWith('/'), 'must be an absolute path');
const tenant = z.string().refine(isTenant, 'must be the id or the domain of a tenant');
const clientId = z.string().refine(isClientId, 'must be the client id of an identity');

const address = z.string().transform((text, context): Address => {
  const result = parseAddress(text);
  if ('address' in result && result.address.scheme !== 'unix') return result.address;
  context.addIssue({ code: 'custom', message: 'problem' in result ? result.problem : 'must not be a socket' });
  return z.NEVER;
});

const duration = z.string().transform((text, context): number => {
  const value = parseDuration(text);
  if (value !== undefined && value > 0) return value;
  context.addIssue({ code: 'custom', message: `must be ${durationForm}, but not 0` });
  return z.NEVER;
});

const tokenProxy = z
  .strictObject({
    url: address.prefault(usualTokenProxy.url),
    sniName: line.optional(),
    ca: path.default(usualTokenProxy.ca),
  })
  .transform(({ url, sniName, ca }): TokenProxy => ({ address: url, sniName, ca }));

const auth = z.discriminatedUnion('method', [
  z.strictObject({
    method: z.literal('workload-identity'),
    clientId: clientId.optional(),
    audience: line.default(azureAudience),
  }),
  z.strictObject({
    method: z.literal('identity-binding'),
    clientId: clientId.optional(),
    proxy: tokenProxy.prefault({}),
  }),
  z.strictObject({
    method: z.literal('managed-identity'),
    clientId: clientId.optional(),
    endpoint: address.prefault(metadataAddress),
  }),
  z.strictObject({ method: z.literal('service-principal') }),
]);

const cloud = z.string().transform((text, context): CloudChoice => {
  const found = findCloud(text);
  if (found !== undefined) return { kind: 'known', cloud: found };
  context.addIssue({
    code: 'custom',
    message: isStackCloud(text)
      ? 'AzureStackCloud is described by environmentFile alone'
      : 'must be AzurePublicCloud, AzureUSGovernmentCloud, AzureChinaCloud or AzureGermanCloud',
  });
  return z.NEVER;
});

/** `kind: azure-keyvault`. */
export const azureConnectionSchema: z.ZodType<AzureConnection> = z
  .strictObject({
    vault: z.string().refine(isVaultName, 'must be the name of a vault: 3 to 24 letters, digits and -').optional(),
    address: address.optional(),
    cloud: cloud.optional(),
    environmentFile: path.optional(),
    authority: address.optional(),
    tenant: tenant.optional(),
    auth: auth.default({ method: 'workload-identity', audience: azureAudience }),
    constructPemChain: z.boolean().default(true),
    tls: z.strictObject({ ca: path.optional(), skipVerify: z.boolean().default(false) }).default({ skipVerify: false }),
    timeout: duration.default(10_000),
    retries: z.int().min(0).max(10).default(3),
    maxConcurrent: z.int().min(1).max(10_000).default(64),
    proxy: line.refine(isProxyUrl, 'must be the URL of a proxy, as http://squid:3128 or socks5://gate:1080').optional(),
  })
  .refine((given) => (given.vault === undefined) !== (given.address === undefined), 'needs either vault or address')
  .refine((given) => given.cloud === undefined || given.environmentFile === undefined, {
    path: ['environmentFile'],
    message: 'describes a cloud of its own: remove cloud',
  })
  .transform(({ vault, address: whole, cloud: known, environmentFile, tls, ...rest }): AzureConnection => {
    const { authority, tenant: own, proxy, ...others } = rest;
    return {
      ...others,
      vault: whole ?? vault ?? '',
      cloud: choiceOf(known, environmentFile),
      authority,
      tenant: own,
      fallbackTenant: undefined,
      proxy,
      allow: undefined,
      tokenRequest: true,
      tls: { ca: tls.ca === undefined ? undefined : { path: tls.ca }, skipVerify: tls.skipVerify },
      guarded: false,
    };
  });

function choiceOf(known: CloudChoice | undefined, file: string | undefined): CloudChoice {
  if (file !== undefined) return { kind: 'file', path: file, below: undefined };
  const usual = findCloud('AzurePublicCloud');
  if (usual === undefined) throw new Error('there is no public cloud');
  return known ?? { kind: 'known', cloud: usual };
}
