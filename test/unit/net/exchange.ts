import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { formatError } from '../../../provider/errors.ts';
import { parseAddress } from '../../../provider/net/address.ts';
import type { Failure } from '../../../provider/net/connection-error.ts';
import { createPool, type PoolOptions } from '../../../provider/net/pool.ts';
import type { Outcome } from '../../../provider/net/request.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { startRawServer } from './raw-server.ts';

export const bounds = { timeout: 2000, connectTimeout: 1000, maxBytes: 1000 };
export const message = { method: 'GET', path: '/v1/x', headers: {} };
export const never = new AbortController().signal;

export function poolAt(t: TestContext, address: string, more: Partial<PoolOptions> = {}) {
  const parsed = parseAddress(address);
  assert.ok('address' in parsed);
  const pool = createPool(
    {
      address: parsed.address,
      tls: { skipVerify: false },
      maxConcurrent: 4,
      proxy: undefined,
      guarded: false,
      ...more,
    },
    { clock: systemClock, random: () => 0.5, proxies: { https: undefined, http: undefined, no: [] } },
  );
  t.after(() => pool.close());
  return pool;
}

export async function rawServer(t: TestContext, answer: (head: string, socket: Socket) => string | Buffer | undefined) {
  const server = await startRawServer(answer);
  t.after(() => server.close());
  return { server, pool: poolAt(t, `http://127.0.0.1:${server.port}`) };
}

/** What a server that answers like this makes of a request. */
export async function answering(t: TestContext, answer: (head: string, socket: Socket) => string | Buffer | undefined) {
  const { pool } = await rawServer(t, answer);
  return await pool.exchange(message, bounds, never);
}

export const bodyOf = (outcome: Outcome) =>
  'reply' in outcome ? outcome.reply.body.toString() : assert.fail(formatError(outcome.failure));
const failureOf = (outcome: Outcome): Failure => ('failure' in outcome ? outcome : assert.fail('there was a reply'));

export function isFailure(outcome: Outcome, code: string, text: RegExp | string, transient: boolean): void {
  const { failure, ...rest } = failureOf(outcome);
  assert.equal(failure.code, code);
  if (typeof text === 'string') assert.equal(formatError(failure), text);
  else assert.match(formatError(failure), text);
  assert.equal(rest.transient, transient);
}
