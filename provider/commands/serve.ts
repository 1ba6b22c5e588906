import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { backendKinds, lineStates } from '../backends/registry.ts';
import { KeymountError } from '../errors.ts';
import { type Assembly, assemble, type Surroundings } from '../mount/assemble.ts';
import { countAges, type Status } from '../mount/status.ts';
import { type AdminServer, startAdmin } from '../rpc/admin.ts';
import { type RpcServer, startServer } from '../rpc/server.ts';
import { createHandlers } from '../rpc/service.ts';
import { runtimeVersion } from '../rpc/version.ts';
import type { Settings } from '../settings/settings.ts';
import { startHealth } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { systemClock } from '../util/clock.ts';
import { createMountReport, type MountReport } from './mount-report.ts';

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
  const { limits, providers } = settings;
  const { nodeVersion: node } = surroundings;
  const metrics = createMetrics({ dialects: providers, backends: backendKinds, version: runtimeVersion, node });
  const parts = await assemble(settings, surroundings, log, metrics.backendRequest);
  const report = createMountReport(log, metrics, parts.events);
  const inFlight = { count: 0 };
  watchGauges(metrics, parts, inFlight);

  let server: RpcServer | undefined;
  const ready = () => (server === undefined ? 'the sockets are not there yet' : stop.aborted ? 'stopping' : undefined);
  const health =
    settings.http === undefined ? undefined : await startHealth({ address: settings.http, ready, metrics });
  const unique = randomBytes(4).toString('hex');
  const status = createStatus(parts, report, inFlight);
  const giveUp = new AbortController();
  const service = { mount: parts, clock: systemClock, limits, onMount: report.add, inFlight, giveUp: giveUp.signal };
  let admin: AdminServer | undefined;
  try {
    admin = await startAdmin(settings.stateDir, unique, status);
    server = await startServer({
      socketDir: settings.socketDir,
      dialects: providers,
      takeover: settings.takeover,
      unique,
      clock: systemClock,
      handlersOf: (dialect) => createHandlers(dialect, service),
      onDrainTimeout: () => giveUp.abort(new KeymountError('shutting-down', 'keymount was asked to stop')),
    });
    log.info({ event: 'serving', version: runtimeVersion, sockets: server.sockets, http: settings.http });
    await aborted(stop);
    log.info({ event: 'stopping', mounts: inFlight.count });
    await server.drain(limits.drainTimeout);
    log.info({ event: 'stopped' });
  } finally {
    parts.close();
    await Promise.all([admin?.close(), health?.close()]);
  }
}

function watchGauges(metrics: Metrics, { sessions, secrets }: Assembly, inFlight: { readonly count: number }): void {
  metrics.watch('mountsInFlight', () => inFlight.count);
  metrics.watch('accountSessions', () => sessions.count().account);
  metrics.watch('podSessions', () => sessions.count().pod);
  metrics.watch('secrets', () => secrets.size);
  metrics.watch('secretBytes', () => secrets.bytes);
  metrics.watch('serversAway', () => lineStates().filter(({ open }) => open).length);
}

function createStatus({ sessions, secrets }: Assembly, report: MountReport, inFlight: { readonly count: number }) {
  const started = systemClock.now();
  return (): Status => {
    const now = systemClock.now();
    const ages = [...secrets.readTimes()].map((readAt) => now - readAt);
    return {
      version: runtimeVersion,
      uptime: now - started,
      mounts: { ...report.mounts, inFlight: inFlight.count },
      sessions: sessions.count(),
      secrets: { count: secrets.size, bytes: secrets.bytes, ages: countAges(ages) },
      reads: report.reads,
      servers: lineStates(),
    };
  };
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
