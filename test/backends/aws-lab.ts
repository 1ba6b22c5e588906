import { parameterStoreBackend, secretsManagerBackend } from '../../provider/backends/aws/index.ts';
import type { AwsRef } from '../../provider/backends/aws/ref.ts';
import type { BackendDeps, Identity, Login, Secret, Session } from '../../provider/backends/backend.ts';
import { formatError, KeymountError } from '../../provider/errors.ts';
import type { NewSource } from '../../provider/plan/sources.ts';
import { SecretString } from '../../provider/util/secret-string.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { createTokenIssuer, type TokenOptions } from '../lab/pod-token.ts';
import { contractDeps, sourceOf } from './contract.ts';

/** Signs the tokens of all pods of these tests. */
export const issuer = createTokenIssuer();

/** Never aborts. */
export const signal = new AbortController().signal;

export interface PodOptions {
  readonly pod?: Pod;
  readonly role?: string;
  /** Annotations of the ServiceAccount. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly nodeLabels?: Readonly<Record<string, string>>;
  readonly token?: TokenOptions;
  readonly proven?: boolean;
}

/** The login of a pod of ServiceAccount `shop/web`, which has real tokens for every audience. */
export function loginOf(options: PodOptions = {}): Login {
  const { pod = aPod({ name: 'web-1' }), annotations = {}, nodeLabels = {}, proven = true } = options;
  const identity: Identity = {
    namespace: pod.namespace,
    serviceAccount: pod.serviceAccount,
    serviceAccountUid: proven ? pod.serviceAccountUid : undefined,
    pod: pod.name,
    podUid: pod.uid,
    proven,
  };
  return {
    identity,
    role: options.role,
    audience: undefined,
    token: async (audience) => new SecretString(issuer.mint(pod, audience, options.token).token),
    publishSecrets: new Map(),
    annotations: async () => new Map(Object.entries(annotations)),
    nodeLabels: async () => new Map(Object.entries(nodeLabels)),
  };
}

/** The annotation of IRSA. */
export function irsa(role: string): { annotations: Readonly<Record<string, string>> } {
  return { annotations: { 'eks.amazonaws.com/role-arn': role } };
}

export type AwsSession = Session<AwsRef>;
type AwsKind = 'aws-secretsmanager' | 'aws-ssm';

const backends = {
  'aws-secretsmanager': secretsManagerBackend,
  'aws-ssm': parameterStoreBackend,
} as const;

/** A session through a named connection. */
export async function connectAws(
  kind: AwsKind,
  settings: object,
  login: Login,
  deps: BackendDeps = contractDeps,
): Promise<AwsSession> {
  const backend = backends[kind];
  return await backend.connect(backend.connectionSchema.parse(settings), login, deps, signal);
}

/** What each of these names holds, or the error in words. */
export async function readAll(
  kind: AwsKind,
  session: AwsSession,
  ...names: readonly (string | readonly [string, Partial<NewSource>])[]
): Promise<string[]> {
  const refs = names.map((name) => {
    const [address, more] = typeof name === 'string' ? [name, {}] : name;
    return backends[kind].parseRef(sourceOf(address, more));
  });
  const results = await Promise.allSettled(session.read(refs, signal));
  return results.map((result) => (result.status === 'fulfilled' ? textOf(result.value) : wordsOf(result.reason)));
}

/** The error of a login in words. */
export async function refusalOf(kind: AwsKind, settings: object, login: Login): Promise<string> {
  const [result] = await Promise.allSettled([connectAws(kind, settings, login)]);
  if (result?.status !== 'rejected') throw new Error('the login did not fail');
  return wordsOf(result.reason);
}

export function textOf({ bytes = new Uint8Array() }: Secret): string {
  return Buffer.from(bytes).toString('utf8');
}

function wordsOf(thrown: unknown): string {
  if (thrown instanceof KeymountError) return formatError(thrown);
  throw thrown;
}
