import { createHash } from 'node:crypto';
import { KeymountError } from '../errors.ts';
import type { Parameters } from '../plan/parameters.ts';
import { SecretString } from '../util/secret-string.ts';

/** A Mount call as it comes off the wire, whoever calls: the driver, or the dry run. */
export interface MountCall {
  /** JSON object of strings: the class's parameters, the pod's attributes, its tokens. Holds bearer tokens: never log it. */
  readonly attributes: string;
  /** JSON object of strings, or `null`: the Secret of `nodePublishSecretRef`. */
  readonly secrets: string;
  /** Decimal file mode as JSON, `420` from the driver. */
  readonly permission: string;
}

/** A Mount call, read. */
export interface MountRequest {
  readonly pod: PodAttributes;
  readonly className: string;
  readonly parameters: Parameters;
  /** What a plan can be remembered by: equal for all pods of a class. */
  readonly parametersKey: string;
  /** The pod's ServiceAccount tokens by audience. */
  readonly tokens: ReadonlyMap<string, SecretString>;
  readonly publishSecrets: ReadonlyMap<string, SecretString>;
  readonly permission: number;
}

/** What the driver says of the pod; believed only as far as a token proves it. */
export interface PodAttributes {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccount: string;
}

const prefix = 'csi.storage.k8s.io/';
const tokensName = `${prefix}serviceAccount.tokens`;

/** Throws `request-malformed`; what was wrong is named, what was written is not. */
export function readRequest(call: MountCall): MountRequest {
  const attributes = readStrings(call.attributes, 'attributes') ?? new Map<string, string>();
  const secrets = readStrings(call.secrets || 'null', 'secrets') ?? new Map<string, string>();
  const parameters = new Map(
    [...attributes].filter(([name]) => !name.startsWith(prefix) && name !== 'secretProviderClass'),
  );
  const attribute = (name: string) => attributes.get(prefix + name) ?? '';
  return {
    pod: {
      namespace: attribute('pod.namespace'),
      name: attribute('pod.name'),
      uid: attribute('pod.uid'),
      serviceAccount: attribute('serviceAccount.name'),
    },
    className: attributes.get('secretProviderClass') ?? '',
    parameters,
    parametersKey: hashParameters(parameters),
    tokens: readTokens(attributes.get(tokensName) ?? ''),
    // Kubernetes 1.35 and later send the tokens in the secrets as well; they are no Secret of the user.
    publishSecrets: new Map(
      [...secrets].filter(([name]) => name !== tokensName).map(([name, value]) => [name, new SecretString(value)]),
    ),
    permission: readPermission(call.permission),
  };
}

/** A JSON object of strings, undefined for `null`. */
function readStrings(text: string, what: string): Map<string, string> | undefined {
  const value = parse(text, what);
  if (value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) throw malformed(`the request's ${what} are not a JSON object`);
  return new Map(
    Object.entries(value).map(([name, entry]) => {
      if (typeof entry !== 'string') throw malformed(`the request's ${what} hold something that is not a text`);
      return [name, entry];
    }),
  );
}

/** `{"<audience>": {"token": "…", "expirationTimestamp": "…"}}` */
function readTokens(text: string): Map<string, SecretString> {
  const tokens = new Map<string, SecretString>();
  if (text === '') return tokens;
  const value = parse(text, 'ServiceAccount tokens');
  if (value === null) return tokens;
  if (typeof value !== 'object' || Array.isArray(value))
    throw malformed("the request's ServiceAccount tokens are not a JSON object");
  for (const [audience, entry] of Object.entries(value)) {
    const token: unknown =
      typeof entry === 'object' && entry !== null ? (entry as { token?: unknown }).token : undefined;
    if (typeof token !== 'string' || token === '')
      throw malformed('a ServiceAccount token in the request has no token');
    tokens.set(audience, new SecretString(token));
  }
  return tokens;
}

function readPermission(text: string): number {
  if (text === '') return 0o644;
  if (!/^[0-9]{1,4}$/.test(text) || Number(text) > 0o777) {
    throw malformed("the request's permission is not a decimal file mode between 0 and 511");
  }
  return Number(text);
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(`the request's ${what} are not valid JSON`);
  }
}

function malformed(message: string): KeymountError {
  return new KeymountError('request-malformed', message, {
    hint: 'keymount answers the Secrets Store CSI driver, v1.0 and later',
  });
}

function hashParameters(parameters: Parameters): string {
  const sorted = [...parameters].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('base64');
}
