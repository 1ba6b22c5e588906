import type * as z from 'zod';
import type { Code, KeymountError } from '../errors.ts';
import type { Trust } from '../net/trust.ts';
import type { DialectName, InlineSettings, Source } from '../plan/plan.ts';
import type { Content } from '../render/select.ts';
import type { AllowRule, Settings } from '../settings/settings.ts';
import type { Clock } from '../util/clock.ts';
import type { JsonObject } from '../util/json.ts';
import type { SecretString } from '../util/secret-string.ts';

/**
 * What a store must offer. To add one: a folder beside this file with `index.ts` exporting a Backend, a line in `registry.ts`,
 * and its server in test/backends/. A backend throws catalogue errors, logs nothing, imports no other backend.
 */
export interface Backend<Connection = unknown, Ref = unknown> {
  readonly kind: string;
  /** The shape of a named connection in the configuration file, without `kind` and `allow`. Strict: unknown keys are refused. */
  readonly connectionSchema: z.ZodType<Connection>;
  /**
   * A connection that a drop-in class describes itself, over the admin's settings for that dialect. Refuses what the admin did not
   * allow (`address-not-allowed`). Absent: the backend has no drop-in dialect.
   */
  readonly inlineConnection?: (settings: InlineSettings, profile: DialectName, admin: AdminSettings) => Connection;
  /** Can the identity that the backend sees be the ServiceAccount, so that its pods may share a session? The session proves it. */
  readonly scopeOf: (connection: Connection) => 'serviceAccount' | 'pod';
  /**
   * Whose identity the backend sees. `pod`: the pod's own, so the backend decides. `admin`: one of the admin's settings, so the
   * connection's `allow` decides, for pods that are proven. `driver`: the same, going by the driver's word (`trustDriver`).
   */
  readonly identityOf: (connection: Connection) => 'pod' | 'admin' | 'driver';
  /** The allow rules of a connection that a class describes itself, for those whose identity is not the pod's. */
  readonly allowOf?: (connection: Connection) => readonly AllowRule[] | undefined;
  /** The setting that those rules come from, for messages: `dropIn.azure.managedIdentity`. */
  readonly allowSetting?: string;
  /**
   * The audience of the pod's token that `connect` wants where the class names none; undefined: it wants no token. Absent: a token
   * that is asked for has the API server's own audience, as the Go Vault provider has it.
   */
  readonly tokenAudience?: (
    connection: Connection,
    deps: BackendDeps,
    signal: AbortSignal,
  ) => Promise<string | undefined>;
  /** Did a class alone choose the server, which the admin's settings name nowhere? Absent: no. */
  readonly isChosenByClass?: (connection: Connection) => boolean;
  /** Refuses to show the server of a connection a pod's token; undefined: it may be shown. Absent: any may be. */
  readonly refuseToken?: (connection: Connection, token: ShownToken) => KeymountError | undefined;
  /** Is a token that the driver did not send not to be asked of the API server either? Absent: it is, as the settings allow. */
  readonly onlySentTokens?: (connection: Connection) => boolean;
  /** Milliseconds for which its secrets are served from memory, in place of the admin's default: for stores that cost nothing to ask. */
  readonly refreshInterval?: number;
  /** How messages call an inline connection, its address for instance. */
  readonly titleOf?: (connection: Connection) => string;
  /** The servers that it talks to. */
  readonly lines?: () => LineState[];
  /** The address of a source, checked as far as that is possible without asking. Throws `class-invalid`. */
  readonly parseRef: (source: Source) => Ref;
  /** What a read asks for, as `allow` rules judge it. Absent: a plain read of the address as the class has it. */
  readonly requestOf?: (ref: Ref, source: Source) => AskedFor;
  /** Logs in, if the backend has logins. One try of one login; the caller shares and remembers the session. */
  readonly connect: (
    connection: Connection,
    login: Login,
    deps: BackendDeps,
    signal: AbortSignal,
  ) => Promise<Session<Ref>>;
  /** A session that another process left behind (`Tenure.toState`), without asking anybody. Throws for a state that is none. */
  readonly resume?: (connection: Connection, state: JsonObject, deps: BackendDeps) => Promise<Session<Ref>>;
  /** A pod is gone, by proof: nothing that is kept for its next login is of use any more. `deps` as at its logins. */
  readonly forgetPod?: (podUid: string, deps: BackendDeps) => void;
}

/** One read, as `allow` rules judge it: what goes over the wire, not how the class spells it. */
export interface AskedFor {
  /** `GET` for a plain read. `PUT` and `POST` are one. */
  readonly method: string;
  /** The secret without version and query, decoded as the server decodes it. Undefined: it cannot be told, so no rule matches. */
  readonly name: string | undefined;
  /** The name with its version, for patterns that name one: `projects/P/secrets/S/versions/3`. */
  readonly versionedName?: string;
  /** Names of query parameters that no rule judges, in order; a read that has any is refused. `version` is none of them. */
  readonly query?: readonly string[];
}

/** How it stands with one server. */
export interface LineState {
  readonly address: string;
  /** It did not answer for a while: it is asked by one request at a time, all others get the last failure at once. */
  readonly open: boolean;
  /** Failures since its last answer. */
  readonly failures: number;
  readonly inFlight: number;
  readonly waiting: number;
}

/** Who asks, and what they can show for it. */
export interface Login {
  readonly identity: Identity;
  readonly role: string | undefined;
  readonly audience: string | undefined;
  /**
   * The pod's ServiceAccount token for an audience, from the driver or requested from the API server. Throws `token-missing`.
   */
  readonly token: (audience: string, signal: AbortSignal, options?: TokenOptions) => Promise<SecretString>;
  /** The Secret of `nodePublishSecretRef`. */
  readonly publishSecrets: ReadonlyMap<string, SecretString>;
  /** Annotations of the pod's ServiceAccount, remembered for a while. Throws `cluster-unavailable`. */
  readonly annotations: (signal: AbortSignal) => Promise<ReadonlyMap<string, string>>;
  /** Labels of the node that this runs on, remembered. Throws `cluster-unavailable`. */
  readonly nodeLabels: (signal: AbortSignal) => Promise<ReadonlyMap<string, string>>;
  /** To be called when something is kept for the pod's next login, so that `Backend.forgetPod` is called when the pod ends. */
  readonly untilPodEnds?: () => void;
}

export interface TokenOptions {
  /** One that the driver sent for another audience, of these, does as well. */
  readonly orFor?: readonly string[];
  /** What is issued through the session may last no longer than the token: a long-lived one is better, where it may be asked for. */
  readonly lasting?: boolean;
}

/** A pod's ServiceAccount token on its way to a server. */
export interface ShownToken {
  /** What it is good for. */
  readonly audiences: readonly string[];
  /** Those of them that the cluster's API server takes for its own. */
  readonly apiServers: readonly string[];
}

/** The pod that asks. `proven` says whether a verified token agrees with what the driver's attributes say. */
export interface Identity {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string | undefined;
  readonly pod: string;
  readonly podUid: string;
  readonly proven: boolean;
  /** A valid token of somebody else came with it: then nothing at all may be given from a memory. */
  readonly mismatch?: true;
}

export interface BackendDeps {
  readonly clock: Clock;
  /** 0 <= x < 1, for jitter. */
  readonly random: () => number;
  /** The proxy environment of the process; a connection may set its own. */
  readonly proxy: Settings['proxy'];
  /** Whom to trust where a connection names no CA. Absent: the CAs of the system in the usual places. */
  readonly trust?: Trust;
  /** Largest reply that is read, in bytes. */
  readonly replyBytes: number;
  /** Told of every request to a server, each try on its own. */
  readonly onRequest: (request: BackendRequest) => void;
}

/** What all backends get: who tells of a request says for which kind. */
export interface SharedDeps extends Omit<BackendDeps, 'onRequest'> {
  readonly onRequest: (request: BackendRequest & { readonly backend: string }) => void;
}

/** For connections of one kind. A backend cannot name another one: several kinds share code. */
export function depsOf({ kind }: Pick<Backend, 'kind'>, deps: SharedDeps): BackendDeps {
  const known = boundDeps.get(deps) ?? new Map<string, BackendDeps>();
  boundDeps.set(deps, known);
  let bound = known.get(kind);
  if (bound === undefined) {
    bound = { ...deps, onRequest: (request) => deps.onRequest({ ...request, backend: kind }) };
    known.set(kind, bound);
  }
  return bound;
}

/** The same for each kind: backends remember things by them. */
const boundDeps = new WeakMap<SharedDeps, Map<string, BackendDeps>>();

/** One request, for the metrics. */
export interface BackendRequest {
  readonly call: 'login' | 'read' | 'write' | 'renew' | 'revoke';
  readonly code: 'ok' | Code;
  readonly seconds: number;
}

/** What of the settings an inline connection goes by. */
export type AdminSettings = Pick<Settings, 'dropIn' | 'tlsDir' | 'connections'>;

/** An authenticated connection for one identity. */
export interface Session<Ref = unknown> {
  /** When its authority ends, in milliseconds of the clock; undefined: never. */
  readonly expires: number | undefined;
  /** Uid of the ServiceAccount whom the backend itself says it logged in. Only then may pods of that account share the session. */
  readonly serviceAccountUid: string | undefined;
  /**
   * May all pods of the ServiceAccount have what this reads? True only by proof of what it is; what may be issued for the reader
   * alone, or hang a lease on the session, is not. Never rejects: what cannot be proven is false.
   */
  readonly isShareable: (ref: Ref, signal: AbortSignal) => Promise<boolean>;
  /**
   * Starts all reads at once, bounded by the connection, and answers each on its own: a backend with batch calls may put several
   * behind one request. Rejects with catalogue errors; `isAuthorityLost` tells those after which a new login may help.
   */
  readonly read: (refs: readonly Ref[], signal: AbortSignal) => Promise<Secret>[];
  readonly isAuthorityLost: (error: KeymountError) => boolean;
  /** How many reads it was good for when it was new, and is now, where they are limited. Never shared by pods then. */
  readonly uses?: { readonly limit: number | undefined; readonly spare: number };
  /** What makes it last with the credentials that were issued through it. Absent: what it reads has no leases. */
  readonly tenure?: Tenure;
  readonly close: () => void;
}

/** A session that can be kept alive, ended, and taken up again by another process. */
export interface Tenure {
  /** Equal for sessions of one token: something between may answer two logins with the same. No secret. */
  readonly id: string;
  /** Can the session itself be renewed? */
  readonly renewable: boolean;
  /**
   * When what the login showed ends, in milliseconds of the clock, where a server may renew the session no further than that. Absent:
   * it does not matter.
   */
  readonly loginEnds?: number | undefined;
  /** Its requests are counted, and the last one ends it: it is neither renewed nor asked about. */
  readonly isLimited?: boolean;
  /**
   * Renews a lease, or without one the session itself. `login-ended`: the backend renews the session no further than the login that it
   * came from; it lives on to its own end. Throws `lease-lost` where the backend does not know it any more.
   */
  readonly renew: (lease: Lease | undefined, signal: AbortSignal) => Promise<Renewal | 'login-ended'>;
  /** Takes back what does not end with the session: `Secret.takeBack` of this backend, of this session or an earlier one like it. */
  readonly takeBack?: (what: JsonObject, signal: AbortSignal) => Promise<void>;
  /** Ends the session and everything that was issued through it. */
  readonly revoke: (signal: AbortSignal) => Promise<void>;
  /** For `Backend.resume`. Holds the session's token: only to be stored sealed. */
  readonly toState: () => JsonObject;
}

/** What a renewal gave. */
export interface Renewal {
  /** Seconds from now; 0: no end. */
  readonly duration: number;
  readonly renewable: boolean;
}

/** What a read returned: content, and how long it holds. */
export interface Secret extends Content {
  /** The backend's own version of it. */
  readonly version: string;
  /** Bytes of what was read, for the bounds of caches. */
  readonly size: number;
  /** When it is known to change or to end, in milliseconds of the clock: from then on it is read anew, however fresh it is. */
  readonly goodUntil?: number;
  readonly lease?: Lease;
  /** What the log should say of it: sentences without values. */
  readonly warnings?: readonly string[];
  /** End of a certificate that was issued with it, in milliseconds since 1970. */
  readonly notAfter?: number;
  /** For `Tenure.takeBack`: its pod wants it ended with the pod, and the end of the session does not do that. Before `notAfter`. */
  readonly takeBack?: JsonObject;
}

/** A secret with an end. */
export interface Lease {
  readonly id: string;
  /** Seconds. */
  readonly duration: number;
  readonly renewable: boolean;
}
