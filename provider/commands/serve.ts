import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { backendKinds } from '../backends/registry.ts';
import { formatPlace, KeymountError } from '../errors.ts';
import { assemble, type Surroundings } from '../mount/assemble.ts';
import { type RpcServer, startServer } from '../rpc/server.ts';
import { createHandlers, type MountOutcome } from '../rpc/service.ts';
import { runtimeVersion } from '../rpc/version.ts';
import type { Settings } from '../settings/settings.ts';
import { startHealth } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { systemClock } from '../util/clock.ts';

export interface ServeOptions {
  readonly settings: Settings;
  readonly warnings: readonly string[];
  readonly surroundings: Surroundings;
  readonly log: Log;
  /** Aborts when the process is asked to stop. */
  readonly stop: AbortSignal;
}

/** `keymount serve`: answers the driver until it is asked to stop. Throws `settings-invalid` and `socket-taken`. */
export async function serve({ settings, warnings, surroundings, log, stop }: ServeOptions): Promise<void> {
  for (const reason of warnings) log.warn({ event: 'settings', reason });
  makeStateDir(settings.stateDir);
  const metrics = createMetrics({
    dialects: settings.providers,
    backends: backendKinds,
    version: runtimeVersion,
    node: surroundings.nodeVersion,
  });
  const parts = await assemble(settings, surroundings, log);
  const inFlight = { count: 0 };
  metrics.watch('mountsInFlight', () => inFlight.count);
  let server: RpcServer | undefined;
  const ready = () => (server === undefined ? 'the sockets are not there yet' : stop.aborted ? 'stopping' : undefined);
  const health =
    settings.http === undefined ? undefined : await startHealth({ address: settings.http, ready, metrics });
  const onMount = (outcome: MountOutcome) => report(outcome, log, metrics);
  const { mounts, mountTimeout } = settings.limits;
  const serviceParts = { mount: parts, clock: systemClock, limits: { mounts, mountTimeout }, onMount, inFlight };
  try {
    server = await startServer({
      socketDir: settings.socketDir,
      dialects: settings.providers,
      takeover: settings.takeover,
      unique: randomBytes(4).toString('hex'),
      clock: systemClock,
      handlersOf: (dialect) => createHandlers(dialect, serviceParts),
    });
    log.info({ event: 'serving', version: runtimeVersion, sockets: server.sockets, http: settings.http });
    await aborted(stop);
    log.info({ event: 'stopping', mounts: inFlight.count });
    await server.drain(settings.limits.drainTimeout);
    log.info({ event: 'stopped' });
  } finally {
    parts.close();
    await health?.close();
  }
}

function makeStateDir(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new KeymountError('settings-invalid', `the state directory ${path} cannot be made`, {
      reason: (error as NodeJS.ErrnoException).code,
      hint: 'create it for the user that keymount runs as, or choose another --state-dir',
    });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** One line for every Mount; what is wrong with a class that still mounts is said once a plan. */
function report({ dialect, record, reply, error, seconds }: MountOutcome, log: Log, metrics: Metrics): void {
  const code = error?.code ?? 'ok';
  metrics.mount({ dialect, code, seconds });
  const { request, plan } = record;
  const facts = {
    event: 'mount',
    dialect,
    namespace: request?.pod.namespace.slice(0, 253),
    pod: request?.pod.name.slice(0, 253),
    class: request?.className.slice(0, 253),
    code,
    ms: Math.round(seconds * 1000),
    reads: record.reads,
    cached: record.cached,
    ...(record.stale === 0 ? {} : { stale: record.stale }),
    files: reply?.files.length ?? 0,
  };
  if (error === undefined) log.info(facts);
  else log.error({ ...facts, error, failures: [...new Set(record.failures)].slice(0, 100) });
  if (plan === undefined || warned.has(plan)) return;
  warned.add(plan);
  for (const { at, message } of plan.warnings) {
    log.warn({
      event: 'class-warning',
      namespace: facts.namespace,
      class: facts.class,
      at: formatPlace(at),
      reason: message,
    });
  }
}

const warned = new WeakSet<object>();
