import { didYouMean } from '../util/nearest.ts';
import { type Gathered, type Given, splitList } from './given.ts';
import type { NamedKnob } from './knob.ts';
import type { Problem } from './problem.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

// Kubernetes sets these in every pod for a Service whose name begins with `keymount`:
// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
const serviceLink =
  /_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;

/** Settings among the KEYMOUNT_* variables, by variable. An empty variable counts as not set. */
export function gatherVariables(env: Environment, knobs: readonly NamedKnob[]): Gathered {
  const byVariable = new Map(knobs.map((named) => [named.variable, named.knob]));
  const given = new Map<string, Given>();
  const problems: Problem[] = [];
  for (const variable of Object.keys(env).toSorted()) {
    const value = env[variable];
    if (!variable.startsWith('KEYMOUNT_') || value === undefined || value === '') continue;
    const knob = byVariable.get(variable);
    if (knob !== undefined) given.set(variable, fromVariable(variable, value, knob.kind.many));
    else if (!serviceLink.test(variable)) {
      const message = `is not a known variable${didYouMean(variable, [...byVariable.keys()])}`;
      problems.push({ origin: 'variable', from: variable, order: 0, message });
    }
  }
  return { given, problems };
}

/** The first of a knob's foreign variables that is set: `BAO_ADDR`, then `VAULT_ADDR`. */
export function foreignVariable(env: Environment, { knob }: NamedKnob): Given | undefined {
  const variable = knob.variables?.find((name) => env[name] !== undefined && env[name] !== '');
  return variable === undefined ? undefined : fromVariable(variable, env[variable] ?? '', knob.kind.many);
}

function fromVariable(variable: string, value: string, many: boolean): Given {
  return { texts: many ? splitList(value) : [value], origin: 'variable', from: variable, order: 0 };
}

const useFlag = (flag: string) => `has no effect on keymount; use --vault-${flag} or --openbao-${flag}`;

// What the clients of Vault and OpenBao read besides. The Go providers give every pod the VAULT_TOKEN they are started with.
const ignored: Readonly<Record<string, string>> = {
  TOKEN: 'is ignored: keymount reads with the identity of each pod, never with a token of its own',
  AGENT_ADDR: useFlag('addr'),
  CLIENT_CERT_BYTES: useFlag('tls-client-cert'),
  CLIENT_KEY_BYTES: useFlag('tls-client-key'),
  CLIENT_TIMEOUT: useFlag('timeout'),
  MAX_RETRIES: useFlag('retries'),
  RATE_LIMIT: useFlag('max-concurrent'),
  HTTP_PROXY: useFlag('proxy'),
  PROXY_ADDR: useFlag('proxy'),
  SRV_LOOKUP: 'has no effect on keymount',
  DISABLE_REDIRECTS: 'has no effect on keymount',
  WRAP_TTL: 'has no effect on keymount',
};

/** Warnings about VAULT_* and BAO_* variables that somebody may expect to work. */
export function ignoredVariables(env: Environment): string[] {
  return Object.entries(ignored)
    .flatMap(([name, message]) => [`BAO_${name}`, `VAULT_${name}`].map((variable) => ({ variable, message })))
    .filter(({ variable }) => env[variable] !== undefined && env[variable] !== '')
    .map(({ variable, message }) => `${variable} ${message}`);
}
