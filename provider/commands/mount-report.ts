import { LRUCache } from 'lru-cache';
import { formatPlace } from '../errors.ts';
import type { PodEvents } from '../kube/events.ts';
import { steadyClock } from '../leases/steady-clock.ts';
import { failureText } from '../mount/failure.ts';
import type { Status } from '../mount/status.ts';
import type { Plan } from '../plan/plan.ts';
import type { MountOutcome } from '../rpc/service.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createRotation } from '../telemetry/rotation.ts';

/** Tells of every Mount in log and metrics, and counts them for `keymount status`. */
export interface MountReport {
  readonly add: (outcome: MountOutcome) => void;
  /** The pod is gone, by proof. */
  readonly podEnded: (podUid: string) => void;
  readonly mounts: { answered: number; failed: number };
  readonly reads: { -readonly [Origin in keyof Status['reads']]: number };
}

/** Names come from the driver, but a class could set them: they get no more room than Kubernetes gives a name. */
const longestName = 253;

/** Of one Mount, each a line; what a class or a server says may be much. */
const mostWarnings = 20;
const longestWarning = 500;

export function createMountReport(log: Log, metrics: Metrics, events: PodEvents | undefined): MountReport {
  const rotation = createRotation(steadyClock.now);
  metrics.watchRotation(rotation.failing);
  const mounts = { answered: 0, failed: 0 };
  const reads = { backend: 0, cache: 0, stale: 0 };
  // What is wrong with a class that still mounts is said once a plan, not once a minute.
  const warned = new WeakSet<object>();
  // What is odd about a secret, once an hour.
  const told = new LRUCache<string, true>({ max: 2_000, ttl: 3_600_000 });

  function count({ dialect, record, error, seconds }: MountOutcome): void {
    if (error === undefined) mounts.answered++;
    else mounts.failed++;
    const origins = { backend: record.reads - record.cached, cache: record.cached - record.stale, stale: record.stale };
    for (const origin of ['backend', 'cache', 'stale'] as const) reads[origin] += origins[origin];
    metrics.mount({ dialect, code: error?.code ?? 'ok', seconds });
  }

  /** Says on the pod what the driver keeps to itself. */
  function tell({ record: { request }, error }: MountOutcome): void {
    // Who gives up or is turned away says nothing about the class; kubelet asks again.
    if (request === undefined || error?.code === 'cancelled' || error?.code === 'too-many-mounts') return;
    const { namespace, name, uid } = request.pod;
    const volume = { namespace, class: request.className, podUid: uid };
    const { rotationFailed } = rotation.note(volume, error === undefined);
    if (!rotationFailed || error === undefined) return;
    events?.rotationFailed({ namespace, pod: name, podUid: uid }, failureText(error));
  }

  function write({ dialect, record, reply, error, seconds }: MountOutcome): void {
    const { request, plan } = record;
    const facts = {
      event: 'mount',
      dialect,
      namespace: request?.pod.namespace.slice(0, longestName),
      pod: request?.pod.name.slice(0, longestName),
      class: request?.className.slice(0, longestName),
      code: error?.code ?? 'ok',
      ms: Math.round(seconds * 1000),
      reads: record.reads,
      cached: record.cached,
      ...(record.stale === 0 ? {} : { stale: record.stale }),
      files: reply?.files.length ?? 0,
    };
    if (error === undefined) log.info(facts);
    else log.error({ ...facts, error, failures: [...new Set(record.failures)] });
    for (const reason of (record.warnings ?? []).slice(0, mostWarnings)) {
      const { namespace, class: name } = facts;
      const key = JSON.stringify([namespace, name, reason]);
      if (told.has(key)) continue;
      told.set(key, true);
      log.warn({ event: 'secret-warning', namespace, class: name, reason: reason.slice(0, longestWarning) });
    }
    if (plan === undefined || warned.has(plan)) return;
    warned.add(plan);
    warnOfClass(log, plan, facts);
  }

  return {
    mounts,
    reads,
    podEnded: rotation.podEnded,
    add(outcome) {
      count(outcome);
      tell(outcome);
      write(outcome);
    },
  };
}

function warnOfClass(
  log: Log,
  { warnings }: Plan,
  { namespace, class: name }: { readonly namespace: string | undefined; readonly class: string | undefined },
): void {
  for (const { at, message } of warnings.slice(0, mostWarnings)) {
    const reason = message.slice(0, longestWarning);
    log.warn({ event: 'class-warning', namespace, class: name, at: formatPlace(at).slice(0, longestWarning), reason });
  }
  const more = warnings.length - mostWarnings;
  if (more > 0) log.warn({ event: 'class-warning', namespace, class: name, reason: `and ${more} more warnings` });
}
