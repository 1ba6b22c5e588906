import { randomBytes } from 'node:crypto';
import type { BackendDeps } from '../backends/backend.ts';
import { createKubeApi, type KubeApi } from '../kube/api.ts';
import { findKubeConfig } from '../kube/config.ts';
import { createPodEvents, type PodEvents } from '../kube/events.ts';
import { getJwks } from '../kube/jwks.ts';
import { describe } from '../kube/kube-error.ts';
import { createPodFacts } from '../kube/pod-facts.ts';
import { createPodTokens } from '../kube/pod-token.ts';
import { createVersionKeys } from '../kube/version-key.ts';
import { Connections } from '../sessions/connections.ts';
import { createIdentityProver, type IdentityProver } from '../sessions/identity.ts';
import { Reads } from '../sessions/reads.ts';
import { Secrets } from '../sessions/secrets.ts';
import { Sessions } from '../sessions/sessions.ts';
import { createTokenProof } from '../sessions/token-proof.ts';
import type { Settings } from '../settings/settings.ts';
import type { Log } from '../telemetry/log.ts';
import { systemClock } from '../util/clock.ts';
import { createCallers } from './callers.ts';
import type { MountParts } from './mount.ts';
import { Plans } from './plans.ts';
import { Replies } from './replies.ts';
import { Requests } from './requests.ts';

/** What of the process's surroundings a Mount depends on; main.ts reads it. */
export interface Surroundings {
  /** KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and POD_NAMESPACE. */
  readonly serviceHost: string | undefined;
  readonly servicePort: string | undefined;
  readonly podNamespace: string | undefined;
  readonly nodeVersion: string;
  readonly random: () => number;
}

/** All that Mounts work with, made once from the settings. */
export interface Assembly extends MountParts {
  readonly sessions: Sessions;
  readonly secrets: Secrets;
  /** Absent without a cluster. */
  readonly events: PodEvents | undefined;
  readonly close: () => void;
}

/** Throws `settings-invalid`. */
export async function assemble(
  settings: Settings,
  surroundings: Surroundings,
  log: Log,
  onRequest: BackendDeps['onRequest'] = () => {},
): Promise<Assembly> {
  const clock = systemClock;
  const connections = await Connections.open(settings);
  const kubeConfig = await findKubeConfig({ kubeconfig: settings.kubeconfig, ...surroundings });
  const api = kubeConfig === undefined ? undefined : createKubeApi(kubeConfig, { clock });
  const podTokens = api === undefined || !settings.tokenRequestFallback ? undefined : createPodTokens({ api, clock });
  const secrets = new Secrets();
  const sessions = new Sessions({
    deps: {
      clock,
      random: surroundings.random,
      proxy: settings.proxy,
      replyBytes: settings.limits.replyBytes,
      onRequest,
    },
    podTokens,
    podFacts: createPodFacts({ api, nodeName: settings.nodeName, clock }),
    maxAge: settings.sessionMaxAge,
    onEnd: (held) => secrets.purgeAll(held),
  });
  const prover = createProver(api, log);
  const versionKeys = createVersionKeys({
    api,
    namespace: settings.versionKeys.namespace,
    stateDir: settings.stateDir,
    clock,
    randomBytes,
    report: ({ event, secret, reason }) => log.warn({ event: `version-key-${event}`, secret, reason }),
  });
  return {
    requests: new Requests(),
    plans: new Plans(),
    replies: new Replies(),
    reads: new Reads({ connections, sessions, secrets, clock, refreshInterval: settings.refreshInterval }),
    sessions,
    secrets,
    events: api === undefined ? undefined : createEvents(api, settings, log),
    responseBytes: settings.limits.responseBytes,
    versionKey: (dialect, signal) => versionKeys.get(settings.versionKeys[dialect], signal),
    callerOf: createCallers(prover, podTokens),
    close() {
      sessions.close();
      api?.close();
    },
  };
}

/** Proof by the cluster's own keys; without a cluster nothing is proven. */
function createProver(api: KubeApi | undefined, log: Log): IdentityProver {
  if (api === undefined) return createIdentityProver(undefined);
  const proof = createTokenProof({
    clock: systemClock,
    jwks: (signal) => getJwks(api, { signal, timeout: 2_500 }),
    onKeysUnavailable: (error) => log.warn({ event: 'jwks-unavailable', reason: describe(error) }),
  });
  return createIdentityProver(proof);
}

function createEvents(api: KubeApi, { nodeName }: Settings, log: Log): PodEvents {
  const onForbidden = (reason: string) => log.info({ event: 'events-off', reason });
  return createPodEvents({ api, clock: systemClock, nodeName, onForbidden });
}
