import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, LookupFunction, Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createSecureContext } from 'node:tls';
import fc from 'fast-check';
import { openStream } from '../../../provider/kube/stream.ts';
import { parseAddress } from '../../../provider/net/address.ts';
import { type Agents, createAgents } from '../../../provider/net/agents.ts';
import { inTurns } from '../../../provider/net/dial.ts';
import { guardedLookup } from '../../../provider/net/forbidden-ip.ts';
import { KeptAgent } from '../../../provider/net/kept-agent.ts';
import { exchange } from '../../../provider/net/request.ts';
import { usualTrust } from '../../../provider/net/trust.ts';
import { type Clock, systemClock } from '../../../provider/util/clock.ts';
import { freePort } from '../../lab/free-port.ts';
import { blackHole } from './black-hole.ts';
import { bodyOf, isFailure, message, never, poolAt } from './exchange.ts';
import { startRawServer } from './raw-server.ts';

const family = (address: string) => (address.includes(':') ? 6 : 4);

/** A resolver that knows one name. */
function resolvesTo(...addresses: string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: family(address) }));
  return ((_host: string, options: { all?: boolean }, found: (error: null, ...result: unknown[]) => void) =>
    options.all ? found(null, all) : found(null, addresses[0], all[0]?.family)) as unknown as LookupFunction;
}

interface Asked {
  readonly connectTimeout?: number;
  readonly signal?: AbortSignal;
}

/** Asks `http://name.example:port` for something, on connections of its own. */
function client(t: TestContext, port: number, lookup: LookupFunction, clock: Clock = systemClock) {
  const parsed = parseAddress(`http://name.example:${port}`);
  assert.ok('address' in parsed);
  const { address } = parsed;
  const agents: Agents = createAgents(
    { address, tls: { skipVerify: false }, maxConcurrent: 4, proxy: undefined, guarded: false },
    clock,
    usualTrust,
  );
  t.after(() => agents.close());
  return async ({ connectTimeout = 4_000, signal = never }: Asked = {}) => {
    const peer = { address: address.text, endpoint: `name.example:${port}` };
    const line = { address, peer, agent: await agents.current(), lookup, clock: systemClock };
    return await exchange(line, message, { timeout: 5_000, connectTimeout, maxBytes: 1000 }, signal);
  };
}

/** A server on one address that counts its connections. */
async function server(t: TestContext, host: string, port = 0) {
  const open = new Set<Socket>();
  let connections = 0;
  const http = createServer((_request, response) => response.end(`from ${host}`));
  http.on('connection', (socket: Socket) => {
    connections++;
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  await once(http.listen(port, host), 'listening');
  t.after(() => {
    http.close();
    http.closeAllConnections();
  });
  return { port: (http.address() as AddressInfo).port, open, connections: () => connections };
}

/** TCP connections of this process, also those that are still being made. */
const handles = () =>
  process.getActiveResourcesInfo().filter((each) => /TCPSocketWrap|TCPConnectWrap/.test(each)).length;

async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!isSo()) {
    assert.ok(Date.now() < deadline, `${isSo} is never so`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('a connection to a name with several addresses', () => {
  it('is made to the next one while the first does not answer', async (t) => {
    const hole = await blackHole(t, '127.0.0.2');
    await server(t, '127.0.0.3', hole.port);
    const started = Date.now();
    const before = handles();
    const ask = client(t, hole.port, resolvesTo('127.0.0.2', '127.0.0.3'));
    assert.equal(bodyOf(await ask()), 'from 127.0.0.3');
    assert.ok(Date.now() - started < 2_000);
    // What is left is the server's end of the connection: the other one is idle, which keeps no process up.
    await until(() => handles() <= before + 1);
  });

  it('waits for one that is farther off than 250 ms where the others are of no use', async (t) => {
    const far = await blackHole(t, '127.0.0.2');
    const ask = client(t, far.port, resolvesTo('127.0.0.2', '127.0.0.3'));
    setTimeout(far.open, 400);
    assert.equal(bodyOf(await ask()), 'late');
  });

  it('is made to one of two that both are farther off than 250 ms', async (t) => {
    const far = await blackHole(t, '127.0.0.2');
    const also = await blackHole(t, '127.0.0.3', far.port);
    const ask = client(t, far.port, resolvesTo('127.0.0.2', '127.0.0.3'));
    setTimeout(far.open, 400);
    setTimeout(also.open, 400);
    assert.equal(bodyOf(await ask()), 'late');
  });

  it('goes on at once where an address refuses', async (t) => {
    const good = await server(t, '127.0.0.3');
    // No timer ever rings.
    const still: Clock = { now: () => 0, sleep: () => new Promise(() => {}) };
    const ask = client(t, good.port, resolvesTo('::1', '127.0.0.2', '::2', '127.0.0.3'), still);
    assert.equal(bodyOf(await ask()), 'from 127.0.0.3');
  });

  it('is made to the last of eight', async (t) => {
    const holes = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'];
    const first = await blackHole(t, '127.0.0.2');
    for (const host of holes.slice(1)) await blackHole(t, host, first.port);
    await server(t, '127.0.0.9', first.port);
    const before = handles();
    const ask = client(t, first.port, resolvesTo(...holes, '127.0.0.6', '::1', '127.0.0.7', '127.0.0.9'));
    assert.equal(bodyOf(await ask()), 'from 127.0.0.9');
    await until(() => handles() <= before + 1);
  });

  it('is kept for the next request', async (t) => {
    const good = await server(t, '127.0.0.3');
    const ask = client(t, good.port, resolvesTo('127.0.0.2', '127.0.0.3'));
    for (let i = 0; i < 5; i++) assert.equal(bodyOf(await ask()), 'from 127.0.0.3');
    assert.equal(good.connections(), 1);
  });

  it('is given up after the time for connecting, with the addresses that were tried', async (t) => {
    const hole = await blackHole(t, '127.0.0.2');
    await blackHole(t, '127.0.0.3', hole.port);
    const before = handles();
    const ask = client(t, hole.port, resolvesTo('127.0.0.2', '127.0.0.3'));
    const outcome = await ask({ connectTimeout: 600 });
    const at = `http://name.example:${hole.port}`;
    const text = `cannot reach ${at}: no connection to name.example:${hole.port} (tried 127.0.0.2, 127.0.0.3) within 0.6 s`;
    isFailure(outcome, 'backend-unreachable', `${text} [backend-unreachable]`, true);
    assert.ok('unsent' in outcome && outcome.unsent);
    await until(() => handles() <= before);
  });

  it('is closed with all attempts when nobody waits for it any more', async (t) => {
    const hole = await blackHole(t, '127.0.0.2');
    await blackHole(t, '127.0.0.3', hole.port);
    const before = handles();
    const ask = client(t, hole.port, resolvesTo('127.0.0.2', '127.0.0.3'));
    const given = new AbortController();
    const asked = ask({ signal: given.signal });
    await until(() => handles() >= before + 2);
    given.abort();
    isFailure(await asked, 'cancelled', /given up/, false);
    await until(() => handles() <= before);
  });

  it('that cannot be made says so by the most telling reason, with some of the addresses', async (t) => {
    const port = await freePort();
    const addresses = ['::ffff:0:1', ...Array.from({ length: 20 }, (_, index) => `127.0.0.${index + 2}`)];
    const outcome = await client(t, port, resolvesTo(...addresses))();
    const shown = /connection refused by name\.example:\d+ \(tried \S+, \S+, \S+, \S+ and 12 more\) \[/;
    isFailure(outcome, 'backend-unreachable', shown, true);
    assert.ok('unsent' in outcome && outcome.unsent);
  });

  it('is not made to a forbidden address, in whatever place it comes', async (t) => {
    const good = await server(t, '127.0.0.3');
    for (const addresses of [
      ['127.0.0.3', '169.254.169.254'],
      ['127.0.0.2', '127.0.0.3', '::ffff:0:a9fe:a9fe'],
    ]) {
      const outcome = await client(t, good.port, guardedLookup(resolvesTo(...addresses) as never))();
      isFailure(outcome, 'address-not-allowed', /which a class must not reach/, false);
    }
    assert.equal(good.connections(), 0);
  });
});

describe('addresses', () => {
  it('of both families take turns, in the order of each and from the first one', () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => ({ address: text, family: family(text) }));
    fc.assert(
      fc.property(fc.array(address), (found) => {
        const turns = inTurns(found);
        assert.equal(turns[0], found[0]?.address);
        for (const each of [4, 6]) {
          const inOrder = found.filter((one) => one.family === each).map((one) => one.address);
          assert.deepEqual(
            turns.filter((text) => family(text) === each),
            inOrder,
          );
        }
        const both = 2 * Math.min(...[4, 6].map((each) => turns.filter((text) => family(text) === each).length));
        for (let at = 1; at < both; at++) assert.notEqual(family(turns[at] ?? ''), family(turns[at - 1] ?? ''));
      }),
    );
  });
});

describe('connections that are kept', () => {
  it('are as many as are wanted after a storm, and as many as there are requests in it', async (t) => {
    const good = await server(t, '127.0.0.3');
    const parsed = parseAddress(`http://127.0.0.3:${good.port}`);
    assert.ok('address' in parsed);
    const { address } = parsed;
    const agent = new KeptAgent({ clock: systemClock, maxIdle: 2, keepAlive: true });
    t.after(() => agent.destroy());
    const line = { address, peer: { address: '', endpoint: '' }, agent, lookup: undefined, clock: systemClock };
    const bounds = { timeout: 5_000, connectTimeout: 4_000, maxBytes: 1000 };
    const one = async () => {
      for (let i = 0; i < 20; i++) assert.equal(bodyOf(await exchange(line, message, bounds, never)), 'from 127.0.0.3');
    };
    await Promise.all(Array.from({ length: 8 }, one));
    // Those whose work is done first are let go while the others are still at it.
    assert.ok(good.connections() <= 16, String(good.connections()));
    await until(() => good.open.size === 2);
  });
});

describe('connections that are being made', () => {
  it('are closed with those that are kept', async (t) => {
    const hole = await blackHole(t, '127.0.0.2');
    const before = handles();
    const pool = poolAt(t, `http://127.0.0.2:${hole.port}`);
    const asked = pool.exchange(message, { timeout: 5_000, connectTimeout: 4_000, maxBytes: 1000 }, never);
    await until(() => handles() > before);
    pool.close();
    isFailure(await asked, 'backend-unreachable', /connection closed by/, true);
    await until(() => handles() <= before);
  });

  it('are closed where the handshake hangs and nobody waits any more', async (t) => {
    const silent = await startRawServer(() => undefined);
    t.after(() => silent.close());
    const before = handles();
    const given = new AbortController();
    const pool = poolAt(t, `https://127.0.0.1:${silent.port}`);
    const asked = pool.exchange(message, { timeout: 5_000, connectTimeout: 4_000, maxBytes: 1000 }, given.signal);
    await until(() => silent.requests.length > 0);
    given.abort();
    isFailure(await asked, 'cancelled', /given up/, false);
    await until(() => handles() <= before);
  });

  it('are closed for a stream from the API server, too', async (t) => {
    const hole = await blackHole(t, '127.0.0.2');
    const before = handles();
    const parsed = parseAddress(`https://127.0.0.2:${hole.port}`);
    assert.ok('address' in parsed);
    const agent = new KeptAgent({
      clock: systemClock,
      maxIdle: 1,
      keepAlive: true,
      secureContext: createSecureContext(),
    });
    const call = { address: parsed.address, agent, path: '/', headers: {} };
    const given = new AbortController();
    const opened = openStream(call, { headTimeout: 4_000, silence: 1_000 }, systemClock, given.signal);
    await until(() => handles() > before);
    given.abort(new Error('not wanted'));
    await assert.rejects(opened, /not wanted/);
    await until(() => handles() <= before);
  });
});
