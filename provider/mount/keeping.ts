import { randomBytes, randomUUID } from 'node:crypto';
import type { SharedDeps } from '../backends/backend.ts';
import { toKeymountError } from '../errors.ts';
import type { KubeApi } from '../kube/api.ts';
import { createPodWatch } from '../kube/pod-watch.ts';
import { createIntervals, type Intervals } from '../leases/intervals.ts';
import type { LeaseEvent } from '../leases/lease-event.ts';
import { Leases } from '../leases/leases.ts';
import { createPodEnds, type PodEnds } from '../leases/pods.ts';
import { resumeTenants } from '../leases/resume.ts';
import { type LeaseState, openLeaseState } from '../leases/state.ts';
import { steadyClock } from '../leases/steady-clock.ts';
import { codeOf } from '../leases/whole-file.ts';
import type { Connections } from '../sessions/connections.ts';
import type { Secrets } from '../sessions/secrets.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Settings } from '../settings/settings.ts';
import type { Log } from '../telemetry/log.ts';
import { inBackground } from '../util/background.ts';
import { systemClock } from '../util/clock.ts';

/** What keeps issued credentials alive, and ends them with their pods. */
export interface Keeping {
  readonly leases: Leases;
  readonly intervals: Intervals;
  readonly podEnds: PodEnds;
  /** Something is kept for a pod beside what is issued: its end is to be found out. */
  readonly watchPod: (podUid: string) => void;
  /** Takes up what another process left, and begins to watch for the ends of its pods. */
  readonly resume: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface KeepingDeps {
  readonly settings: Settings;
  readonly api: KubeApi | undefined;
  readonly connections: Connections;
  readonly sessions: Sessions;
  readonly secrets: Secrets;
  readonly backendDeps: SharedDeps;
  readonly log: Log;
  readonly onLease: (event: LeaseEvent) => void;
  /** A pod with something in keeping, or of `watchPod`, is gone. */
  readonly onPodEnded?: ((podUid: string) => void) | undefined;
}

export async function createKeeping(deps: KeepingDeps): Promise<Keeping> {
  const { settings, sessions, backendDeps, log, onLease } = deps;
  const clock = steadyClock;
  const intervals = createIntervals(clock.now);
  const state = await openLeaseState({
    dir: settings.stateDir,
    randomBytes,
    report: ({ event, file, reason }) => log.warn({ event: `lease-state-${event}`, file, reason }),
  });
  const podEnds = createEnds(deps, (podUid) => {
    const onFailed = (thrown: unknown) => log.error({ event: 'pod-not-ended', podUid, error: toKeymountError(thrown) });
    inBackground(leases.endPod(podUid), onFailed);
    deps.onPodEnded?.(podUid);
  });
  const leases: Leases = new Leases({
    clock,
    wall: systemClock.now,
    random: backendDeps.random,
    renewalPercent: settings.renewalPercent,
    sessions,
    intervals,
    newId: randomUUID,
    state,
    report: (event) => {
      logLease(event, log);
      onLease(event);
    },
    onTenant: watchPod,
    onNotRemoved: (thrown) => log.warn({ event: 'lease-state-not-removed', reason: codeOf(thrown) }),
  });
  let resuming = false;
  function watchPod(podUid: string): void {
    podEnds.mounted(podUid);
    // What is resumed must be known before the first list, which then proves which of its pods are gone.
    if (!resuming) podEnds.start();
  }
  return {
    leases,
    intervals,
    podEnds,
    watchPod,
    async resume() {
      resuming = true;
      await resume(state, leases, deps);
      resuming = false;
      if (!isEmpty(leases)) podEnds.start();
    },
    async close() {
      leases.close();
      await podEnds.stop();
      await state.flush();
    },
  };
}

function isEmpty(leases: Leases): boolean {
  return [...leases.list()].length === 0;
}

async function resume(state: LeaseState, leases: Leases, deps: KeepingDeps): Promise<void> {
  const { connections, sessions, secrets, backendDeps, log } = deps;
  await resumeTenants(state.load(), {
    leases,
    connections,
    sessions,
    secrets,
    backendDeps,
    onUnusable: (record, error) => log.warn({ event: 'lease-not-resumed', record, error }),
  });
}

function createEnds({ api, settings, log, backendDeps }: KeepingDeps, onEnded: (podUid: string) => void): PodEnds {
  const { nodeName, podName } = settings;
  const namespace = api?.namespace;
  return createPodEnds({
    clock: systemClock,
    ownPod: podName === undefined || namespace === undefined ? undefined : { namespace, name: podName },
    nodeName,
    openWatch:
      api === undefined
        ? undefined
        : (node, onEvent) =>
            createPodWatch({ api, nodeName: node, clock: systemClock, random: backendDeps.random, onEvent }),
    onEnded: (podUid, how) => {
      log.info({ event: 'pod-ended', podUid, how });
      onEnded(podUid);
    },
    onUnable: (reason) => log.warn({ event: 'pods-not-watched', reason }),
  });
}

function logLease({ event, podUid, what, error }: LeaseEvent, log: Log): void {
  const facts = { event: `lease-${event}`, podUid, what, error };
  if (event === 'too-short') {
    const hint =
      'it ends before the driver asks again: give its role a longer max_ttl, or set a shorter rotation-poll-interval on the driver';
    log.warn({ ...facts, hint });
  } else if (event === 'login-short') {
    const hint =
      'the server renews a token no further than the ServiceAccount token of its login: set a longer expirationSeconds in tokenRequests of the CSIDriver, or tokenRequestFallback with leaseTokenExpiry';
    log.warn({ ...facts, hint });
  } else if (
    event === 'renewal-failed' ||
    event === 'revocation-failed' ||
    event === 'revocation-given-up' ||
    event === 'refused' ||
    event === 'not-saved' ||
    event === 'lost'
  ) {
    log.warn(facts);
  } else log.info(facts);
}
