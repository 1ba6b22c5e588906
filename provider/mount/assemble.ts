import { hash, randomBytes } from 'node:crypto';
import { depsOf, type SharedDeps } from '../backends/backend.ts';
import { forgetPod } from '../backends/registry.ts';
import { createKubeApi, type KubeApi } from '../kube/api.ts';
import { findKubeConfig } from '../kube/config.ts';
import { createPodEvents, type PodEvents } from '../kube/events.ts';
import { getJwks } from '../kube/jwks.ts';
import { describe } from '../kube/kube-error.ts';
import { createPodFacts } from '../kube/pod-facts.ts';
import { createPodTokens, type PodTokens } from '../kube/pod-token.ts';
import { createVersionKeys, type VersionKeys } from '../kube/version-key.ts';
import type { LeaseEvent } from '../leases/lease-event.ts';
import { createTrust } from '../net/trust.ts';
import { Connections } from '../sessions/connections.ts';
import { createIdentityProver, type IdentityProver } from '../sessions/identity.ts';
import { Reads } from '../sessions/reads.ts';
import { Secrets } from '../sessions/secrets.ts';
import { Sessions, type SessionsOptions } from '../sessions/sessions.ts';
import { audiencesOf } from '../sessions/shown-token.ts';
import { createTokenProof } from '../sessions/token-proof.ts';
import { createUnkept, type Unkept } from '../sessions/unkept.ts';
import type { Settings } from '../settings/settings.ts';
import type { Log } from '../telemetry/log.ts';
import { every, systemClock } from '../util/clock.ts';
import { createCallers, type ProofOf } from './callers.ts';
import { createKeeping, type Keeping } from './keeping.ts';
import { LargeClasses } from './large-classes.ts';
import type { MountParts, MountReply } from './mount.ts';
import { Plans } from './plans.ts';
import { Replies } from './replies.ts';
import { Requests } from './requests.ts';

/** What of the process's surroundings a Mount depends on; main.ts reads it. */
export interface Surroundings {
  /** KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and POD_NAMESPACE. */
  readonly serviceHost: string | undefined;
  readonly servicePort: string | undefined;
  readonly podNamespace: string | undefined;
  /** Of keymount's own pod. */
  readonly podUid?: string | undefined;
  readonly nodeVersion: string;
  readonly random: () => number;
}

/** All that Mounts work with, made once from the settings. */
export interface Assembly extends MountParts {
  readonly sessions: Sessions;
  readonly secrets: Secrets;
  /** Absent without a cluster. */
  readonly events: PodEvents | undefined;
  /** Absent in a process that ends soon. */
  readonly keeping: Keeping | undefined;
  /** What was issued and is not kept. */
  readonly issued: Unkept['issued'];
  readonly close: () => Promise<void>;
}

/** For whom it is made. */
export interface AssemblyUse {
  readonly log: Log;
  readonly onRequest?: SharedDeps['onRequest'];
  readonly onLogin?: SessionsOptions['onLogin'];
  /** Told what happens to credentials in keeping. Absent: nothing is kept, and what is issued ends with the assembly. */
  readonly onLease?: (event: LeaseEvent) => void;
  /** Told of pods with something in keeping that are gone, by proof. */
  readonly onPodEnded?: (podUid: string) => void;
}

/** Throws `settings-invalid`. */
export async function assemble(settings: Settings, surroundings: Surroundings, use: AssemblyUse): Promise<Assembly> {
  const clock = systemClock;
  const { log, onRequest = () => {}, onLogin, onLease } = use;
  const connections = await Connections.open(settings);
  const trust = createTrust(settings.systemRoots, (path, reason) => log.warn({ event: 'tls-bundle', path, reason }));
  const kubeConfig = await findKubeConfig({ kubeconfig: settings.kubeconfig, ...surroundings });
  const api = kubeConfig === undefined ? undefined : createKubeApi(kubeConfig, { clock, trust });
  const podTokens = api === undefined || !settings.tokenRequestFallback ? undefined : createPodTokens({ api, clock });
  const secrets = new Secrets();
  const { proxy, limits, nodeName, sessionMaxAge, refreshInterval, versionKeys } = settings;
  const backendDeps = { clock, random: surroundings.random, proxy, trust, replyBytes: limits.replyBytes, onRequest };
  const sessions = new Sessions({
    deps: backendDeps,
    podTokens,
    podFacts: createPodFacts({ api, nodeName, clock }),
    leaseTokenSeconds: settings.leaseTokenExpiry / 1000,
    ownAudiences: api === undefined ? undefined : () => readOwnAudiences(api),
    maxAge: sessionMaxAge,
    mountTimeout: limits.mountTimeout,
    onEnd: (held) => secrets.purgeAll(held),
    onKept: (podUid) => keeping?.watchPod(podUid),
    onLogin,
  });
  const unkept = createUnkept();
  const onPodEnded = (podUid: string) => {
    forgetPod(podUid, backendDeps);
    use.onPodEnded?.(podUid);
  };
  const keeping: Keeping | undefined =
    onLease === undefined
      ? undefined
      : await createKeeping({ settings, api, connections, sessions, secrets, backendDeps, log, onLease, onPodEnded });
  const keys = createKeys(settings, api, log);
  const { prover, stopProving } = createProver(api, podTokens, log);
  const contentOf = contentReader();
  const largeClasses = new LargeClasses();
  return {
    requests: new Requests(),
    plans: new Plans({ separateCertAndKey: settings.dropIn.azure.separateCertAndKey }, largeClasses),
    replies: new Replies(),
    reads: new Reads({ connections, sessions, secrets, keeper: keeping?.leases ?? unkept, clock, refreshInterval }),
    sessions,
    secrets,
    keeping,
    issued: unkept.issued,
    events: api === undefined ? undefined : createEvents(api, settings, log),
    responseBytes: limits.responseBytes,
    versionKey: (dialect, signal) => keys.get(versionKeys[dialect], signal),
    callerOf: createCallers(prover, podTokens, proofReader(connections, backendDeps), clock),
    onReply: (volume, reply) => keeping?.intervals.mounted(volume, contentOf(reply)),
    async close() {
      stopProving();
      await keeping?.close();
      await largeClasses.close();
      await unkept.end(AbortSignal.timeout(5_000));
      sessions.close();
      api?.close();
    },
  };
}

/** The token that a login of this access will ask for. What cannot be found out is told by the login itself. */
function proofReader(connections: Connections, deps: SharedDeps): ProofOf {
  return async ({ audience, connection: ref }, signal) => {
    try {
      const { backend, settings } = await connections.resolve(ref);
      if (backend.onlySentTokens?.(settings) === true) return undefined;
      return { audience: audience ?? (await backend.tokenAudience?.(settings, depsOf(backend, deps), signal)) };
    } catch {
      return { audience };
    }
  };
}

/** None where keymount has no token of its own, as with the client certificate of a kubeconfig. */
async function readOwnAudiences(api: KubeApi): Promise<readonly string[]> {
  try {
    const token = await api.ownToken();
    return token === undefined ? [] : audiencesOf(token);
  } catch {
    return [];
  }
}

function createKeys({ versionKeys, stateDir }: Settings, api: KubeApi | undefined, log: Log): VersionKeys {
  return createVersionKeys({
    api,
    namespace: versionKeys.namespace,
    stateDir,
    clock: systemClock,
    randomBytes,
    report: ({ event, secret, reason }) => log.warn({ event: `version-key-${event}`, secret, reason }),
  });
}

/** What a reply's bytes are recognised by; worked out once for each. */
function contentReader(): (reply: MountReply) => string {
  const contents = new WeakMap<MountReply, string>();
  return (reply) => {
    let content = contents.get(reply);
    if (content === undefined) {
      content = hash('sha256', JSON.stringify(reply.versions), 'base64');
      contents.set(reply, content);
    }
    return content;
  };
}

/** Milliseconds between looks whether the cluster's keys are to be read again. */
const keysInterval = 60_000;

/** Proof by the cluster's own keys; without a cluster nothing is proven. */
function createProver(
  api: KubeApi | undefined,
  podTokens: PodTokens | undefined,
  log: Log,
): { readonly prover: IdentityProver; readonly stopProving: () => void } {
  if (api === undefined) return { prover: createIdentityProver(undefined), stopProving: () => {} };
  const proof = createTokenProof({
    clock: systemClock,
    jwks: (signal) => getJwks(api, { signal, timeout: 2_500 }),
    onKeysUnavailable: (error) => log.warn({ event: 'jwks-unavailable', reason: describe(error) }),
    onKeysChanged: () => podTokens?.forget(),
  });
  return { prover: createIdentityProver(proof), stopProving: every(systemClock, keysInterval, proof.refreshKeys) };
}

function createEvents(api: KubeApi, { nodeName }: Settings, log: Log): PodEvents {
  const onForbidden = (reason: string) => log.info({ event: 'events-off', reason });
  return createPodEvents({ api, clock: systemClock, nodeName, onForbidden });
}
