import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type Code, catalogue } from '../errors.ts';
import type { Rotation } from './rotation.ts';

/** How something ended. */
export type Outcome = 'ok' | Code;

/** What is asked of a backend. */
export const calls = ['login', 'read', 'write', 'renew', 'revoke'] as const;
export type Call = (typeof calls)[number];

/** What is counted by looking, by the name that `watch` takes. A new gauge is one line here. */
const gauges = {
  mountsInFlight: { name: 'keymount_mounts_in_flight', help: 'Mounts that are being answered now.' },
  accountSessions: { name: 'keymount_account_sessions', help: 'Sessions that the pods of a ServiceAccount share.' },
  podSessions: { name: 'keymount_pod_sessions', help: 'Sessions of single pods.' },
  secrets: { name: 'keymount_secrets', help: 'Secrets in memory.' },
  secretBytes: { name: 'keymount_secret_bytes', help: 'Bytes that the secrets in memory may have taken.' },
  leases: { name: 'keymount_leases', help: 'Credentials in keeping: issued for pods and kept alive.' },
  leaseFirstEnd: {
    name: 'keymount_lease_first_end_seconds',
    help: 'Seconds until the first credential in keeping ends unless it is renewed or replaced; +Inf: none does.',
  },
  leasesOverdue: {
    name: 'keymount_leases_overdue',
    help: 'Credentials in keeping that should have been renewed or replaced by now.',
  },
  revocationsPending: {
    name: 'keymount_revocations_pending',
    help: 'Tokens of pods that are gone, still to be revoked.',
  },
  linksMissing: {
    name: 'keymount_links_missing',
    help: 'Links in the providers directories that are gone or lead elsewhere: the driver does not find the socket.',
  },
  serversAway: { name: 'keymount_servers_away', help: 'Servers that did not answer for a while.' },
};
export type GaugeName = keyof typeof gauges;

export interface MetricsOptions {
  readonly dialects: readonly string[];
  /** Kinds of backends; any other is counted as `other`. */
  readonly backends: readonly string[];
  readonly version: string;
  /** Of Node. */
  readonly node: string;
}

/** All durations in seconds. Labels come from fixed sets, so that nothing a class or pod says can make new series. */
export interface Metrics {
  readonly mount: (mount: { dialect: string; code: Outcome; seconds: number }) => void;
  readonly backendRequest: (request: { backend: string; call: Call; code: Outcome; seconds: number }) => void;
  /** Something happened to a credential in keeping. */
  readonly lease: (lease: { event: string }) => void;
  readonly login: (login: { backend: string; code: Outcome }) => void;
  /** The gauge asks `read` whenever metrics are fetched; 0 until there is a `read`. */
  readonly watch: (gauge: GaugeName, read: () => number) => void;
  /** The reads of Mounts so far by where they were answered from: `read` is asked whenever metrics are fetched. */
  readonly watchReads: (read: () => Readonly<Record<ReadOrigin, number>>) => void;
  /** `keymount_rotation_failing` is what this gives whenever metrics are fetched: as many series as classes are mounted here. */
  readonly watchRotation: (failing: Rotation['failing']) => void;
  readonly contentType: string;
  /** Everything in the Prometheus text format. */
  readonly text: () => Promise<string>;
}

const outcomes: readonly Outcome[] = ['ok', ...(Object.keys(catalogue) as Code[])];
/** What a request to a backend usually ends with; these are 0 from the start, any other outcome appears when it happens. */
const backendOutcomes = outcomes.filter((code) => /^(?:ok|(?:login|secret|backend|deadline)-.*|cancelled)$/.test(code));

export function createMetrics({ dialects, backends, version, node }: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const build = new Gauge({
    name: 'keymount_build_info',
    help: 'Always 1; the labels are the versions of keymount and Node.',
    labelNames: ['version', 'node'],
    registers: [registry],
  });
  build.set({ version, node }, 1);

  const dialectOf = oneOf(dialects);
  const backendOf = oneOf(backends);
  const codeOf = (code: Outcome) => (outcomes.includes(code) ? code : 'internal');
  const mounts = mountMetrics(registry, dialects);
  const requests = requestMetrics(registry, backends);
  const leases = leaseMetrics(registry);
  const watch = gaugeMetrics(registry);
  return {
    mount({ dialect, code, seconds }) {
      const known = dialectOf(dialect);
      mounts.total.inc({ dialect: known, code: codeOf(code) });
      mounts.duration.observe({ dialect: known }, seconds);
    },
    backendRequest({ backend, call, code, seconds }) {
      const labels = { backend: backendOf(backend), call: calls.includes(call) ? call : 'other' };
      requests.total.inc({ ...labels, code: codeOf(code) });
      requests.duration.observe(labels, seconds);
    },
    lease: ({ event }) => leases.inc({ event: leaseEvents.includes(event) ? event : 'other' }),
    login: ({ backend, code }) => requests.logins.inc({ backend: backendOf(backend), code: codeOf(code) }),
    watch,
    watchReads: readMetrics(registry),
    watchRotation: rotationMetrics(registry),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}

function mountMetrics(registry: Registry, dialects: readonly string[]) {
  const total = new Counter({
    name: 'keymount_mounts_total',
    help: 'Mounts by how they ended: ok or the code of the error.',
    labelNames: ['dialect', 'code'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'keymount_mount_duration_seconds',
    help: 'Time to answer a Mount.',
    labelNames: ['dialect'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
    registers: [registry],
  });
  for (const dialect of dialects) {
    for (const code of outcomes) total.inc({ dialect, code }, 0);
    duration.zero({ dialect });
  }
  return { total, duration };
}

function requestMetrics(registry: Registry, backends: readonly string[]) {
  const total = new Counter({
    name: 'keymount_backend_requests_total',
    help: 'Requests to backends, tries counted one by one, by how they ended.',
    labelNames: ['backend', 'call', 'code'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'keymount_backend_request_duration_seconds',
    help: 'Time of one request to a backend.',
    labelNames: ['backend', 'call'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [registry],
  });
  const logins = new Counter({
    name: 'keymount_logins_total',
    help: 'Logins at backends, with all their tries, by how they ended.',
    labelNames: ['backend', 'code'],
    registers: [registry],
  });
  for (const backend of backends) {
    for (const code of backendOutcomes) {
      logins.inc({ backend, code }, 0);
      for (const call of calls) total.inc({ backend, call, code }, 0);
    }
    for (const call of calls) duration.zero({ backend, call });
  }
  return { total, duration, logins };
}

const readOrigins = ['backend', 'cache', 'stale'] as const;
type ReadOrigin = (typeof readOrigins)[number];

/** A counter that is read, not counted up: there are several of them in each Mount. */
function readMetrics(registry: Registry): Metrics['watchReads'] {
  let counts: () => Readonly<Record<ReadOrigin, number>> = () => ({ backend: 0, cache: 0, stale: 0 });
  const total: Counter = new Counter({
    name: 'keymount_reads_total',
    help: 'Reads of Mounts by where they were answered from; stale is an outdated secret while its server is away.',
    labelNames: ['origin'],
    registers: [registry],
    collect() {
      total.reset();
      for (const origin of readOrigins) total.inc({ origin }, counts()[origin]);
    },
  });
  return (read) => {
    counts = read;
  };
}

const leaseEvents: readonly string[] = [
  'issued',
  'renewed',
  'renewal-failed',
  'lost',
  'login-ended',
  'login-short',
  'too-short',
  'revoked',
  'revocation-failed',
  'revocation-given-up',
  'refused',
  'resumed',
  'not-saved',
];

function leaseMetrics(registry: Registry) {
  const total = new Counter({
    name: 'keymount_lease_events_total',
    help: 'What happened to credentials in keeping.',
    labelNames: ['event'],
    registers: [registry],
  });
  for (const event of leaseEvents) total.inc({ event }, 0);
  return total;
}

function gaugeMetrics(registry: Registry): Metrics['watch'] {
  const readers = new Map<GaugeName, () => number>();
  for (const [key, { name, help }] of Object.entries(gauges)) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        gauge.set(readSafely(readers.get(key as GaugeName)));
      },
    });
  }
  return (gauge, read) => readers.set(gauge, read);
}

/** One gauge that fails must not take all metrics with it. */
function readSafely(read: (() => number) | undefined): number {
  try {
    return read?.() ?? 0;
  } catch {
    return Number.NaN;
  }
}

function rotationMetrics(registry: Registry): Metrics['watchRotation'] {
  let failing: Rotation['failing'] = () => [];
  const gauge: Gauge = new Gauge({
    name: 'keymount_rotation_failing',
    help: 'Mounted volumes whose last refresh failed; their pods still have the old files.',
    labelNames: ['namespace', 'class'],
    registers: [registry],
    collect() {
      gauge.reset();
      for (const { namespace, class: name, volumes } of failing()) gauge.set({ namespace, class: name }, volumes);
    },
  });
  return (read) => {
    failing = read;
  };
}

function oneOf(known: readonly string[]): (name: string) => string {
  const names = new Set(known);
  return (name) => (names.has(name) ? name : 'other');
}
