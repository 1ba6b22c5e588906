import { oneLine } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { type Answer, type Listener, startListener } from './listener.ts';

/** Everything in the Prometheus text format. */
export interface Exposition {
  readonly contentType: string;
  readonly text: () => Promise<string>;
}

export interface HealthOptions {
  readonly clock: Clock;
  /** `host:port` of the probes; port 0 lets the system choose. Undefined: none. */
  readonly http: string | undefined;
  /** `host:port` of the metrics. Undefined: they are served beside the probes. */
  readonly metricsAddress: string | undefined;
  /** Undefined: ready. Otherwise one line on why not; it is shown to whoever asks. */
  readonly ready: () => string | undefined;
  readonly metrics: Exposition;
}

export interface Health {
  readonly probes: Listener | undefined;
  /** Undefined where the metrics have no listener of their own. */
  readonly metrics: Listener | undefined;
  readonly close: () => Promise<void>;
}

/**
 * Answers `/livez` (the event loop turns), `/readyz` (200, or 503 with the reason) and `/metrics` over plain HTTP, the last one
 * on a listener of its own where it has an address: probes must come through while the metrics are flooded, and the kubelet alone
 * needs to reach them. Throws `settings-invalid` when it cannot listen.
 */
export async function startHealth(options: HealthOptions): Promise<Health> {
  const { clock, http, metricsAddress } = options;
  const scrape = scraping(options.metrics, clock);
  let metrics: Listener | undefined;
  if (metricsAddress !== undefined) {
    const answer = async (path: string) =>
      path === '/metrics' ? await scrape() : { status: 404, body: '/metrics alone is served here\n' };
    metrics = await startListener({ clock, address: metricsAddress, setting: 'metrics', purpose: 'metrics', answer });
  }
  let probes: Listener | undefined;
  try {
    if (http !== undefined) probes = await startProbes(http, options, metrics === undefined ? scrape : metrics.port);
  } catch (error) {
    await metrics?.close();
    throw error;
  }
  return {
    probes,
    metrics,
    async close() {
      await Promise.all([probes?.close(), metrics?.close()]);
    },
  };
}

/** `metrics`: how they are answered here, or the port where they are. */
function startProbes(
  address: string,
  { clock, ready }: HealthOptions,
  metrics: (() => Promise<Answer>) | number,
): Promise<Listener> {
  const here = typeof metrics === 'function';
  const answer = (path: string): Answer | Promise<Answer> => {
    switch (path) {
      case '/livez':
        return { status: 200, body: 'ok\n' };
      case '/readyz': {
        const reason = ready();
        return reason === undefined ? { status: 200, body: 'ok\n' } : { status: 503, body: `${oneLine(reason)}\n` };
      }
      case '/metrics':
        return here ? metrics() : { status: 404, body: `/metrics is served on port ${metrics}: setting metrics\n` };
      default:
        return { status: 404, body: here ? '/livez, /readyz or /metrics\n' : '/livez or /readyz\n' };
    }
  };
  const purpose = here ? 'health and metrics' : 'health';
  return startListener({ clock, address, setting: 'http', purpose, answer });
}

/** Milliseconds between two texts of the metrics. One keeps the event loop for five to ten: this is a bound for what a flood costs. */
const textInterval = 50;

/** Who asks before the next text is begun gets that one: many that ask at once cost one text, and nobody gets an old one. */
function scraping({ contentType, text }: Exposition, clock: Clock): () => Promise<Answer> {
  let next: Promise<Answer> | undefined;
  let last = clock.now() - textInterval;
  const write = async (): Promise<Answer> => {
    // The clock of the wall may be set back.
    await clock.sleep(Math.min(Math.max(last + textInterval - clock.now(), 0), textInterval));
    next = undefined;
    last = clock.now();
    return { status: 200, type: contentType, body: Buffer.from(await text()) };
  };
  return () => {
    next ??= write();
    return next;
  };
}
