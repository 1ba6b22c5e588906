import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { formatError } from '../../../provider/errors.ts';
import { parseAddress } from '../../../provider/net/address.ts';
import type { TlsSettings } from '../../../provider/net/agents.ts';
import { createPool, type Pool } from '../../../provider/net/pool.ts';
import type { Outcome } from '../../../provider/net/request.ts';
import type { Trust } from '../../../provider/net/trust.ts';
import { type Clock, systemClock } from '../../../provider/util/clock.ts';
import type { Certificate } from './certificates.ts';

/** A TLS server that answers `ok` and sends the chain after its certificate; it takes any key, however small. */
export async function startTls(
  t: TestContext,
  own: Certificate,
  chain: readonly Certificate[] = [],
  options: ServerOptions = {},
): Promise<Server> {
  const cert = [own, ...chain].map((each) => each.cert).join('');
  const ciphers = 'DEFAULT@SECLEVEL=0';
  const server = createServer({ cert, key: own.key, ciphers, ...options }, (_request, response) => response.end('ok'));
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return server;
}

export const portOf = (server: Server) => (server.address() as AddressInfo).port;

export interface TlsPoolOptions {
  host?: string;
  clock?: Clock;
  trust?: Trust;
}

/** A pool to that server. */
export function poolTo(
  t: TestContext,
  server: Server,
  tls: Partial<TlsSettings>,
  { host = '127.0.0.1', clock = systemClock, trust }: TlsPoolOptions = {},
): Pool {
  const parsed = parseAddress(`https://${host}:${portOf(server)}`);
  assert.ok('address' in parsed);
  const settings = { skipVerify: false, ...tls };
  const pool = createPool(
    { address: parsed.address, tls: settings, maxConcurrent: 2, proxy: undefined, guarded: false },
    { clock, random: () => 0.5, proxies: { https: undefined, http: undefined, no: [] }, trust },
  );
  t.after(() => pool.close());
  return pool;
}

const bounds = { timeout: 5000, connectTimeout: 5000, maxBytes: 1000 };

export function outcomeOf(pool: Pool): Promise<Outcome> {
  return pool.exchange({ method: 'GET', path: '/', headers: {} }, bounds, new AbortController().signal);
}

/** The body, or the error as a pod's event shows it. */
export async function askTls(pool: Pool): Promise<string> {
  const outcome = await outcomeOf(pool);
  return 'reply' in outcome ? outcome.reply.body.toString() : formatError(outcome.failure);
}
