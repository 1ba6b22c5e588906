import * as z from 'zod';
import { type Address, parseAddress } from '../../net/address.ts';
import { type AddressPattern, parseAddressPattern } from '../../net/address-pattern.ts';
import type { TlsSettings } from '../../net/agents.ts';
import { isProxyUrl } from '../../settings/address.ts';
import { durationForm, parseDuration } from '../../util/duration.ts';
import type { UnknownServer } from './foreign-token.ts';
import { parseMount } from './mount-path.ts';

/** Where a Vault or OpenBao server is, and how to log in there. */
export interface VaultConnection {
  readonly address: Address;
  readonly namespace: string | undefined;
  readonly tls: TlsSettings;
  readonly auth: VaultAuth;
  /** Milliseconds for one request. */
  readonly timeout: number;
  /** Tries after the first. */
  readonly retries: number;
  /** Requests in flight to one address. */
  readonly maxConcurrent: number;
  readonly proxy: string | undefined;
  /** Other addresses of the same server: a redirect may lead there. */
  readonly alsoAt: readonly AddressPattern[];
  /** A class chose the address: names that resolve to link-local or metadata addresses are refused when connecting. */
  readonly guarded: boolean;
  /** A class alone chose the address. Absent: the admin's settings name it, by itself or by a pattern. */
  readonly chosenByClass?: UnknownServer | undefined;
}

export type VaultAuth =
  /** The pod's token at a mount of that type. */
  | {
      readonly method: 'kubernetes' | 'jwt';
      readonly mount: string;
      readonly role?: string | undefined;
      readonly audience: string;
    }
  /**
   * A drop-in class: the pod's token at a mount of either type, or AppRole at `appRoleMount` where the Secret of
   * `nodePublishSecretRef` has a `role_id`.
   */
  | { readonly method: 'pod'; readonly mount: string; readonly appRoleMount: string; readonly audience: string }
  /** `role_id` and `secret_id` of the Secret of `nodePublishSecretRef`. */
  | { readonly method: 'approle'; readonly mount: string }
  /** The client certificate of the connection; `role` picks one of the roles that it matches. */
  | { readonly method: 'cert'; readonly mount: string; readonly role?: string | undefined }
  /** A token that somebody else, such as an agent, keeps fresh in a file. */
  | { readonly method: 'token-file'; readonly path: string };

const line = z.string().refine((text) => text !== '' && !/[\r\n\0]/.test(text), 'must be one line of text');
const path = line.refine((text) => text.startsWith('/'), 'must be an absolute path');

/** A text that a parser of ours understands, as what it made of it. */
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
  return 'address' in result ? { value: result.address } : result;
});
const pattern = parsed((text) => {
  const result = parseAddressPattern(text);
  return 'pattern' in result ? { value: result.pattern } : result;
});
const duration = parsed((text) => {
  const value = parseDuration(text);
  return value === undefined || value === 0 ? { problem: `must be ${durationForm}, but not 0` } : { value };
});
const mount = parsed((text) => {
  const result = parseMount(text);
  return 'mount' in result ? { value: result.mount } : result;
});

const tls = z
  .strictObject({
    ca: path.optional(),
    caDir: path.optional(),
    serverName: line.optional(),
    cert: path.optional(),
    key: path.optional(),
    skipVerify: z.boolean().default(false),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), 'needs both cert and key, or neither')
  .transform(
    ({ ca, caDir, cert, key, serverName, skipVerify }): TlsSettings => ({
      ca: ca === undefined ? undefined : { path: ca },
      caDir: caDir === undefined ? undefined : { path: caDir },
      cert: cert === undefined ? undefined : { path: cert },
      key: key === undefined ? undefined : { path: key },
      serverName,
      skipVerify,
    }),
  );

/** `kind: vault` or `openbao`; the kinds differ in the default audience alone. */
export function vaultConnectionSchema(defaultAudience: string): z.ZodType<VaultConnection> {
  const tokenAuth = { role: line.optional(), audience: line.default(defaultAudience) };
  const auth = z.discriminatedUnion('method', [
    z.strictObject({ method: z.literal('kubernetes'), mount: mount.default('kubernetes'), ...tokenAuth }),
    z.strictObject({ method: z.literal('jwt'), mount: mount.default('jwt'), ...tokenAuth }),
    z.strictObject({ method: z.literal('approle'), mount: mount.default('approle') }),
    z.strictObject({ method: z.literal('cert'), mount: mount.default('cert'), role: line.optional() }),
    z.strictObject({ method: z.literal('token-file'), path }),
  ]);
  return z
    .strictObject({
      address,
      namespace: line.optional(),
      tls: tls.default({ skipVerify: false }),
      auth: auth.default({ method: 'kubernetes', mount: 'kubernetes', audience: defaultAudience }),
      timeout: duration.default(10_000),
      retries: z.int().min(0).max(10).default(2),
      maxConcurrent: z.int().min(1).max(10_000).default(64),
      proxy: line
        .refine(isProxyUrl, 'must be the URL of a proxy, as http://squid:3128 or socks5://gate:1080')
        .optional(),
      allowedAddresses: z.array(pattern).default([]),
    })
    .refine(
      (given) => given.auth.method !== 'cert' || (given.tls.cert !== undefined && given.address.scheme === 'https'),
      { path: ['auth', 'method'], message: 'cert needs tls.cert, tls.key and an https:// address' },
    )
    .transform(({ allowedAddresses, namespace, proxy, ...rest }) => ({
      ...rest,
      namespace,
      proxy,
      alsoAt: allowedAddresses,
      guarded: false,
    }));
}
