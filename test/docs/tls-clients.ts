import { execFile } from 'node:child_process';
import type { LookupFunction } from 'node:net';
import { promisify } from 'node:util';
import { KeymountError } from '../../provider/errors.ts';
import { hostPort, parseAddress } from '../../provider/net/address.ts';
import { createAgents } from '../../provider/net/agents.ts';
import { agentsOptions } from '../../provider/net/pool.ts';
import { exchange } from '../../provider/net/request.ts';
import { createTrust } from '../../provider/net/trust.ts';
import { systemClock } from '../../provider/util/clock.ts';
import { need } from '../lab/tools.ts';
import { load } from '../unit/settings/loading.ts';

/** A request that Go's client and keymount's make. */
export interface Order {
  readonly url: string;
  /** Text of the CA file; absent: the CAs of the system. */
  readonly ca?: string;
  readonly serverName?: string;
  /** Environment of the client. */
  readonly env?: Readonly<Record<string, string>>;
  /** Addresses of the host of the URL, for both. */
  readonly hosts?: readonly string[];
  /** Requests, one after the other. */
  readonly times?: number;
  /** What else to show of the last answer. */
  readonly shows?: (reply: Told) => string;
}

/** An answer as either client has it. */
export interface Told {
  readonly status: number;
  readonly seen: Seen;
  readonly seconds: number;
}

/** What the server saw of a request. */
export interface Seen {
  readonly http: string;
  readonly sni: string | null;
  readonly alpn: string | null;
  readonly connections: number;
  readonly encodings: string | null;
}

/** Milliseconds to get a connection, for both. */
const dialTimeout = 5_000;

/** Go's own client; `ca` is the file, `dns` a server that knows the hosts. */
export async function byGo(
  { url, serverName, env = {}, times, shows }: Order,
  ca: string | undefined,
  dns: string | undefined,
): Promise<string> {
  const order = JSON.stringify({ url, ca, serverName, dns, times, dialTimeout });
  const started = performance.now();
  const { stdout } = await promisify(execFile)(need('goclient').goclient, [order], { env: { ...env } });
  const seconds = (performance.now() - started) / 1000;
  const { outcome, status, body } = JSON.parse(stdout) as { outcome: string; status: number; body: string };
  return outcome === 'connects' ? words(shows, status, body, seconds) : outcome;
}

/** The way of every request of keymount's to a backend, with its settings from the environment. */
export async function byKeymount(order: Order, ca: string | undefined): Promise<string> {
  const { url, serverName, env = {}, hosts, times = 1, shows } = order;
  try {
    const { settings } = load({ env });
    const parsed = parseAddress(url.replace(/\/[^/]*$/, ''));
    if ('problem' in parsed) return `no address: it ${parsed.problem}`;
    const { address } = parsed;
    const tls = { skipVerify: false, serverName, ...(ca === undefined ? {} : { ca: { path: ca } }) };
    const options = { address, tls, maxConcurrent: 1, proxy: undefined, guarded: false };
    const trust = createTrust(settings.systemRoots, () => {});
    const agents = createAgents(agentsOptions(options, settings.proxy), systemClock, trust);
    const peer = { address: address.text, endpoint: hostPort(address) };
    const message = { method: 'GET', path: url.slice(url.lastIndexOf('/')), headers: {} };
    const bounds = { timeout: 60_000, connectTimeout: dialTimeout, maxBytes: 65_536 };
    const started = performance.now();
    try {
      for (let left = times; ; left--) {
        const line = { address, peer, agent: await agents.current(), lookup: lookupOf(hosts), clock: systemClock };
        const outcome = await exchange(line, message, bounds, new AbortController().signal);
        if ('failure' in outcome) throw outcome.failure;
        if (left > 1) continue;
        const { status, body } = outcome.reply;
        const seconds = (performance.now() - started) / 1000;
        return words(shows, status, body.toString(), seconds);
      }
    } finally {
      agents.close();
    }
  } catch (thrown) {
    if (!(thrown instanceof KeymountError)) throw thrown;
    if (thrown.code === 'settings-invalid') return 'does not start';
    return thrown.code === 'backend-untrusted' ? 'refuses' : 'cannot reach';
  }
}

function words(shows: Order['shows'], status: number, body: string, seconds: number): string {
  if (status >= 400) return `is answered ${status}`;
  return shows === undefined ? 'connects' : shows({ status, seen: JSON.parse(body) as Seen, seconds });
}

function lookupOf(hosts: readonly string[] | undefined): LookupFunction | undefined {
  if (hosts === undefined) return undefined;
  const addresses = hosts.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  return (_name, options, done) => {
    if (options.all) done(null, addresses);
    else done(null, addresses[0]?.address ?? '', addresses[0]?.family);
  };
}
