import type { Backend, Identity, Login, Secret, Session, Tenure } from '../../../provider/backends/backend.ts';
import { KeymountError } from '../../../provider/errors.ts';
import type { Source } from '../../../provider/plan/plan.ts';
import { Sources } from '../../../provider/plan/sources.ts';
import type { Caller } from '../../../provider/sessions/caller.ts';
import type { Connection } from '../../../provider/sessions/connections.ts';
import { Sessions, type SessionsOptions } from '../../../provider/sessions/sessions.ts';
import type { Clock } from '../../../provider/util/clock.ts';
import { SecretString } from '../../../provider/util/secret-string.ts';
import { aPod, type Pod } from '../../lab/pod.ts';

/** A clock that stands still until it is turned. */
export class HandClock implements Clock {
  time = 1_000_000;
  now = () => this.time;
  sleep = () => Promise.reject(new Error('nobody sleeps here'));
}

export interface FakeRead {
  readonly session: number;
  readonly address: string;
}

/** A store that remembers who logged in and what was read, and answers as a test tells it. */
export class FakeStore {
  readonly logins: Login[] = [];
  readonly reads: FakeRead[] = [];
  readonly closed: number[] = [];
  scope: 'serviceAccount' | 'pod' = 'pod';
  identity: 'pod' | 'admin' | 'driver' = 'pod';
  /** Milliseconds of the clock at which new sessions expire. */
  expires: number | undefined;
  /** What the backend says whom it logged in. */
  accountOf: (login: Login) => string | undefined = () => undefined;
  shareable: (address: string) => boolean = () => false;
  /** Absent: sessions have none. */
  tenure: ((session: number) => Tenure) | undefined;
  /** Throws to refuse. Sessions are numbered from 1. */
  answer: (address: string, session: number) => Partial<Secret> | Promise<Partial<Secret>> = (address) => ({
    keys: { k: address },
  });
  /** Waited for in every login. */
  atLogin: (login: Login, signal: AbortSignal) => Promise<void> = async () => {};

  readonly backend: Backend<unknown, string> = {
    kind: 'fake',
    connectionSchema: undefined as never,
    scopeOf: () => this.scope,
    identityOf: () => this.identity,
    parseRef: (source) => {
      if (source.address === 'malformed')
        throw new KeymountError('class-invalid', 'that is no address', { at: source.at });
      return source.address;
    },
    connect: (_connection, login, _deps, signal) => this.#connect(login, signal),
  };

  readonly connection: Connection = this.connectionNamed('prod');

  connectionNamed(name: string): Connection {
    const backend = this.backend as Backend;
    return { title: `connection "${name}"`, key: `named ${name}`, backend, settings: {}, allow: undefined };
  }

  async #connect(login: Login, signal: AbortSignal): Promise<Session<string>> {
    const number = this.logins.push(login);
    await this.atLogin(login, signal);
    return {
      expires: this.expires,
      serviceAccountUid: this.accountOf(login),
      isShareable: async (address) => this.shareable(address),
      read: (addresses) => addresses.map((address) => this.#read(address, number)),
      isAuthorityLost: ({ code }) => code === 'secret-denied',
      ...(this.tenure === undefined ? {} : { tenure: this.tenure(number) }),
      close: () => this.closed.push(number),
    };
  }

  async #read(address: string, session: number): Promise<Secret> {
    this.reads.push({ address, session });
    return { version: '1', size: 10, ...(await this.answer(address, session)) };
  }
}

export const denied = (address: string) => new KeymountError('secret-denied', `${address} was refused`);

/** Sources of one class, in its order. */
export function sourcesOf(...parts: (string | (Partial<Source> & { address: string }))[]): Source[] {
  const sources = new Sources();
  parts.forEach((part, index) => {
    const source = typeof part === 'string' ? { address: part } : part;
    const at = { path: `objects[${index}]` };
    sources.add({ access: { connection: { kind: 'named', name: 'prod' } }, at, ...source });
  });
  return sources.list;
}

/** A pod that asks. Proven unless told otherwise. */
export function callerOf(
  pod: Pod = aPod(),
  parts: { proven?: boolean; tokens?: Record<string, string>; publishSecrets?: Record<string, string> } = {},
): Caller {
  const { proven = true, tokens = { vault: `jwt of ${pod.name}` }, publishSecrets = {} } = parts;
  const identity: Identity = {
    namespace: pod.namespace,
    serviceAccount: pod.serviceAccount,
    serviceAccountUid: proven ? pod.serviceAccountUid : undefined,
    pod: pod.name,
    podUid: pod.uid,
    proven,
  };
  return { identity, tokens: hidden(tokens), volume: `${pod.uid} class`, publishSecrets: hidden(publishSecrets) };
}

function hidden(texts: Record<string, string>): Map<string, SecretString> {
  return new Map(Object.entries(texts).map(([name, text]) => [name, new SecretString(text)]));
}

export function sessionsOf(clock: Clock, parts: Partial<SessionsOptions> = {}): Sessions {
  return new Sessions({
    deps: {
      clock,
      random: () => 0,
      proxy: { https: undefined, http: undefined, no: [] },
      replyBytes: 1000,
      onRequest: () => {},
    },
    podTokens: undefined,
    podFacts: { annotations: async () => new Map(), nodeLabels: async () => new Map() },
    maxAge: 3_600_000,
    onEnd: () => {},
    ...parts,
  });
}

/** A promise and its ends. */
export function gate(): {
  readonly opened: Promise<void>;
  readonly open: () => void;
  readonly slam: (error: unknown) => void;
} {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve, slam: reject };
}
