import path from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import { KeymountError } from '../errors.ts';
import { type Address, parseAddress } from '../net/address.ts';
import type { KubeConfig } from './config.ts';
import type { Material } from './material.ts';

/**
 * A kubeconfig as kubectl writes it, JSON or YAML; the fields are those of `v1.Config` in the Kubernetes reference "kubeconfig
 * (v1)". Keys that keymount does not need are ignored, those that would change who asks or how are refused.
 */
const named = <Name extends string, Shape extends z.ZodType>(field: Name, shape: Shape) =>
  z.object({ name: z.string(), [field]: shape } as { name: z.ZodString } & Record<Name, Shape>);

const cluster = z.object({
  server: z.string(),
  'certificate-authority': z.string().optional(),
  'certificate-authority-data': z.string().optional(),
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': z.string().optional(),
  'proxy-url': z.string().optional(),
});

const user = z.object({
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  'client-certificate': z.string().optional(),
  'client-certificate-data': z.string().optional(),
  'client-key': z.string().optional(),
  'client-key-data': z.string().optional(),
  exec: z.looseObject({}).nullish(),
  'auth-provider': z.looseObject({}).nullish(),
  username: z.string().optional(),
  as: z.string().optional(),
});

const kubeconfig = z.object({
  'current-context': z.string(),
  clusters: z.array(named('cluster', cluster)),
  contexts: z.array(
    named('context', z.object({ cluster: z.string(), user: z.string(), namespace: z.string().optional() })),
  ),
  users: z.array(named('user', user)),
});

type Cluster = z.infer<typeof cluster>;
type User = z.infer<typeof user>;

/** `file` is the absolute path of the kubeconfig: paths in it are relative to its folder. Throws `settings-invalid`. */
export function parseKubeconfig(text: string, file: string, podNamespace: string | undefined): KubeConfig {
  const fail = refuse(file);
  const config = read(text, fail);
  const context = pick(config.contexts, config['current-context'], 'context', fail).context;
  const { cluster: server } = pick(config.clusters, context.cluster, 'cluster', fail);
  const { user: credentials } = pick(config.users, context.user, 'user', fail);
  refuseUnsupported(server, credentials, fail);
  const material = materialIn(path.dirname(file), fail);
  return {
    server: serverAddress(server.server, fail),
    namespace: podNamespace || context.namespace || 'default',
    ca: material(server['certificate-authority-data'], server['certificate-authority']),
    serverName: server['tls-server-name'],
    skipVerify: server['insecure-skip-tls-verify'] ?? false,
    token: tokenOf(credentials, path.dirname(file)),
    clientCertificate: clientCertificate(
      material(credentials['client-certificate-data'], credentials['client-certificate']),
      material(credentials['client-key-data'], credentials['client-key']),
      fail,
    ),
  };
}

type Fail = (what: string, hint?: string) => never;

function refuse(file: string): Fail {
  return (what, hint) => {
    throw new KeymountError('settings-invalid', `kubeconfig ${file}: ${what}`, { hint });
  };
}

function read(text: string, fail: Fail): z.infer<typeof kubeconfig> {
  let document: unknown;
  try {
    document = parse(text);
  } catch {
    return fail('neither YAML nor JSON');
  }
  const result = kubeconfig.safeParse(document);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  return fail(`${issue?.path.join('.') || 'the document'}: ${issue?.message ?? 'not as it should be'}`);
}

function pick<Entry extends { name: string }>(
  entries: readonly Entry[],
  name: string,
  kind: string,
  fail: Fail,
): Entry {
  return entries.find((entry) => entry.name === name) ?? fail(`has no ${kind} "${name}"`);
}

function refuseUnsupported(server: Cluster, credentials: User, fail: Fail): void {
  if (credentials.exec) {
    fail(
      'the user has an exec plugin; keymount starts no other programs',
      'use a token, tokenFile or client certificate',
    );
  }
  if (credentials['auth-provider']) fail('auth-provider is not supported', 'use a token or tokenFile');
  if (credentials.username) fail('a user name and password are not supported', 'use a token or tokenFile');
  if (credentials.as) fail('impersonation (as) is not supported');
  if (server['proxy-url']) fail('proxy-url is not supported');
}

function serverAddress(text: string, fail: Fail): Address {
  const parsed = parseAddress(text);
  if ('problem' in parsed) return fail(`server ${parsed.problem}`);
  return parsed.address.scheme === 'https' ? parsed.address : fail('server must be an https:// address');
}

function materialIn(dir: string, fail: Fail) {
  return (data: string | undefined, file: string | undefined): Material | undefined => {
    if (data !== undefined && data !== '') {
      const decoded = Buffer.from(data, 'base64').toString('utf8');
      return decoded.includes('-----BEGIN ') ? { data: decoded } : fail('a ...-data field is not the base64 of a PEM');
    }
    return file === undefined || file === '' ? undefined : { file: path.resolve(dir, file) };
  };
}

// client-go reads tokenFile where both are given, so that a rotated token is seen.
function tokenOf(credentials: User, dir: string): Material | undefined {
  if (credentials.tokenFile) return { file: path.resolve(dir, credentials.tokenFile) };
  return credentials.token ? { data: credentials.token } : undefined;
}

function clientCertificate(cert: Material | undefined, key: Material | undefined, fail: Fail) {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) return fail('a client certificate needs both certificate and key');
  return { cert, key };
}
