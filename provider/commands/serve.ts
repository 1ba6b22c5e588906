import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { backendKinds, lineStates } from '../backends/registry.ts';
import { KeymountError, toKeymountError } from '../errors.ts';
import { type Assembly, assemble, type Surroundings } from '../mount/assemble.ts';
import { countAges, type Status } from '../mount/status.ts';
import type { DialectName } from '../plan/plan.ts';
import { type AdminServer, askAdmin, startAdmin } from '../rpc/admin.ts';
import { prepareSockets, type RpcServer, startServer } from '../rpc/server.ts';
import { createHandlers } from '../rpc/service.ts';
import { runtimeVersion } from '../rpc/version.ts';
import type { Settings } from '../settings/settings.ts';
import { type Health, startHealth } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { systemClock } from '../util/clock.ts';
import type { Deadline } from '../util/deadline.ts';
import { leaseStatus } from './lease-status.ts';
import { linkReport, noMounts } from './link-report.ts';
import { type LinkWatch, watchLinks } from './link-watch.ts';
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
  const { limits, providers: dialects, socketDir, takeover } = settings;
  const unique = randomBytes(4).toString('hex');
  const clock = systemClock;
  const sockets = await prepareSockets({ socketDir, dialects, takeover, unique, clock });
  const { nodeVersion: node } = surroundings;
  const metrics = createMetrics({ dialects, backends: backendKinds, version: runtimeVersion, node });
  const onPodEnded = (podUid: string) => report.podEnded(podUid);
  const use = { log, onRequest: metrics.backendRequest, onLogin: metrics.login, onLease: metrics.lease, onPodEnded };
  const parts = await assemble(settings, surroundings, use);
  const report: MountReport = createMountReport(log, metrics, parts.events);
  const inFlight = new Set<Deadline>();
  watchGauges(metrics, parts, inFlight);
  metrics.watchReads(() => report.reads);

  let server: RpcServer | undefined;
  let admin: AdminServer | undefined;
  let health: Health | undefined;
  const links = watchLinks({
    ...linkReport(settings, surroundings, parts, log),
    providersDirs: settings.providersDirs,
    dialects,
    clock,
  });
  metrics.watch('linksMissing', () => links.faults().length);
  const ready = () => {
    if (server === undefined) return 'the sockets are not there yet';
    if (stop.aborted) return 'stopping';
    return noMounts(links);
  };
  const onDrainTimeout = () => {
    const error = new KeymountError('shutting-down', 'keymount was asked to stop');
    for (const { abort } of inFlight) abort(error);
  };
  const onDefect = (error: KeymountError) => log.error({ event: 'mount-not-reported', error });
  const service = { mount: parts, clock, limits, onMount: report.add, inFlight, onDefect };
  const handlersOf = (dialect: DialectName) => createHandlers(dialect, service);
  try {
    health = await startHealth({ clock, http: settings.http, metricsAddress: settings.metrics, ready, metrics });
    await takeState(socketDir, log);
    const status = createStatus(parts, report, inFlight, links);
    admin = await startAdmin({ socketDir, unique, status, handOver: () => letGo(parts, log) });
    // Before the first Mount, which would issue anew what a pod already has.
    await parts.keeping?.resume();
    server = await startServer(sockets, { dialects, clock, handlersOf, onDrainTimeout });
    const { http, metrics: scraped } = settings;
    log.info({ event: 'serving', version: runtimeVersion, sockets: server.sockets, http, metrics: scraped });
    await watchSockets(server, stop, log);
    log.info({ event: 'stopping', mounts: inFlight.size });
    await server.drain(limits.drainTimeout);
    log.info({ event: 'stopped' });
  } finally {
    links.stop();
    await Promise.all([parts.close(), admin?.close(), health?.close()]);
  }
}

/** An older keymount that still serves here must not renew and save what this one takes up. */
async function takeState(socketDir: string, log: Log): Promise<void> {
  const answer = await askAdmin(socketDir, 'POST', '/hand-over');
  if ('text' in answer) log.info({ event: 'state-taken-over' });
}

async function letGo({ keeping, sessions }: Assembly, log: Log): Promise<void> {
  log.info({ event: 'state-handed-over' });
  sessions.letGo();
  await keeping?.close();
}

function watchGauges(
  metrics: Metrics,
  { sessions, secrets, keeping }: Assembly,
  inFlight: { readonly size: number },
): void {
  metrics.watch('mountsInFlight', () => inFlight.size);
  metrics.watch('accountSessions', () => sessions.count().account);
  metrics.watch('podSessions', () => sessions.count().pod);
  metrics.watch('secrets', () => secrets.size);
  metrics.watch('secretBytes', () => secrets.bytes);
  const leases = keeping?.leases;
  metrics.watch('leases', () => leases?.outlook.count ?? 0);
  metrics.watch('leaseFirstEnd', () => (leases?.outlook.firstEnd ?? Number.POSITIVE_INFINITY) / 1000);
  metrics.watch('leasesOverdue', () => leases?.outlook.overdue ?? 0);
  metrics.watch('revocationsPending', () => leases?.outlook.revocations ?? 0);
  metrics.watch('serversAway', () => lineStates().filter(({ open }) => open).length);
}

function createStatus(
  { sessions, secrets, keeping }: Assembly,
  report: MountReport,
  inFlight: { readonly size: number },
  links: LinkWatch,
) {
  const started = systemClock.now();
  return (): Status => {
    const now = systemClock.now();
    const ages = [...secrets.readTimes()].map((readAt) => now - readAt);
    return {
      version: runtimeVersion,
      uptime: now - started,
      mounts: { ...report.mounts, inFlight: inFlight.size },
      sessions: sessions.count(),
      secrets: { count: secrets.size, bytes: secrets.bytes, ages: countAges(ages) },
      reads: report.reads,
      leases: leaseStatus(keeping),
      servers: lineStates(),
      links: links.faults(),
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

/** Milliseconds between looks at the sockets. */
const socketInterval = 5_000;

/** Until it is asked to stop. */
async function watchSockets(server: RpcServer, stop: AbortSignal, log: Log): Promise<void> {
  while (!stop.aborted) {
    await systemClock.sleep(socketInterval, stop).catch(() => {});
    if (stop.aborted) return;
    try {
      for (const socket of await server.restore()) log.warn({ event: 'socket-restored', socket });
    } catch (thrown) {
      log.error({ event: 'socket-lost', error: toKeymountError(thrown) });
    }
  }
}
