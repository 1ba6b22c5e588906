import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type Answer, type Listener, startListener } from '../../../provider/telemetry/listener.ts';
import { type Clock, systemClock } from '../../../provider/util/clock.ts';
import { until } from '../../e2e/until.ts';

const get = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';

interface Given {
  readonly clock?: Clock;
  readonly answer?: (path: string) => Answer | Promise<Answer>;
}

async function start(
  t: TestContext,
  { clock = systemClock, answer = () => ({ status: 200, body: 'ok\n' }) }: Given = {},
) {
  const facts = { address: '127.0.0.1:0', setting: 'http', purpose: 'health' };
  const listener = await startListener({ ...facts, clock, answer });
  t.after(() => listener.close());
  const open = async (): Promise<Socket> => {
    const socket = connect(listener.port, '127.0.0.1').on('error', () => {});
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return { listener, open };
}

/** Everything that comes until the server closes. */
async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

/** A clock whose timers fire when the test says so. */
function timersByHand(): { clock: Clock; fire: () => void; waiting: () => number } {
  const calls = new Set<() => void>();
  const timer = (_ms: number, call: () => void) => {
    calls.add(call);
    return () => calls.delete(call);
  };
  const fire = () => {
    for (const call of calls) call();
  };
  return { clock: { ...systemClock, timer }, fire, waiting: () => calls.size };
}

const settled = async (listener: Listener, connections: number) =>
  await until(() => listener.connections === connections);

describe('the HTTP listener', () => {
  it('answers one request a connection, and closes it', async (t) => {
    const { listener, open } = await start(t);
    const socket = await open();
    socket.write(get);
    const text = await textOf(socket);
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(text, /^connection: close\r$/im);
    await settled(listener, 0);
  });

  it('answers the first of pipelined requests, once', async (t) => {
    let asked = 0;
    const answer = () => {
      asked++;
      return { status: 200, body: 'ok\n' };
    };
    const { open } = await start(t, { answer });
    const socket = await open();
    socket.write(get.repeat(500));
    const text = await textOf(socket);
    assert.equal(text.match(/HTTP\/1\.1 /g)?.length, 1);
    assert.match(text, /\r\n\r\nok\n$/);
    assert.equal(asked, 1);
  });

  it('closes the oldest connection that has not asked, never the new one', async (t) => {
    const { listener, open } = await start(t);
    const sockets: Socket[] = [];
    for (let each = 0; each < 300; each++) sockets.push(await open());
    await settled(listener, 256);
    await until(() => sockets.filter((socket) => socket.destroyed).length === 44);
    assert.ok(sockets.slice(0, 44).every((socket) => socket.destroyed));
    sockets[299]?.write(get);
    assert.match(await textOf(sockets[299] as Socket), /^HTTP\/1\.1 200 OK/);
  });

  it('closes the oldest connection that is being answered where too many are', async (t) => {
    const { clock } = timersByHand();
    const never = new Promise<Answer>(() => {});
    const answer = (path: string) => (path === '/slow' ? never : { status: 200, body: 'ok\n' });
    const { listener, open } = await start(t, { clock, answer });
    const sockets: Socket[] = [];
    for (let each = 0; each < 40; each++) {
      const socket = await open();
      sockets.push(socket);
      socket.write(get.replace('/', '/slow'));
    }
    await settled(listener, 32);
    await until(() => sockets.slice(0, 8).every((socket) => socket.destroyed));
    const probe = await open();
    probe.write(get);
    assert.match(await textOf(probe), /^HTTP\/1\.1 200 OK/);
  });

  it('closes a connection that says nothing, and one whose header drips, within seconds', async (t) => {
    const { listener, open } = await start(t);
    const silent = await open();
    const dripping = await open();
    dripping.write('GET / HTTP/1.1\r\nx: ');
    const drip = setInterval(() => dripping.write('y'), 100);
    t.after(() => clearInterval(drip));
    await settled(listener, 2);
    const before = performance.now();
    await Promise.all([once(silent, 'close'), once(dripping, 'close')]);
    assert.ok(performance.now() - before < 7_000);
    await settled(listener, 0);
  });

  it('closes a reader that does not read', async (t) => {
    const { clock, fire, waiting } = timersByHand();
    const { listener, open } = await start(t, { clock, answer: () => ({ status: 200, body: Buffer.alloc(2 ** 25) }) });
    const socket = await open();
    socket.pause();
    socket.write(get);
    await until(() => waiting() === 1);
    assert.equal(listener.connections, 1);
    fire();
    await settled(listener, 0);
    assert.equal(waiting(), 0);
  });

  it('leaves no timer behind an answer', async (t) => {
    const { clock, waiting } = timersByHand();
    const { listener, open } = await start(t, { clock });
    const socket = await open();
    socket.write(get);
    await textOf(socket);
    await settled(listener, 0);
    assert.equal(waiting(), 0);
  });

  it('reads no body, however long it is, and waits for none', async (t) => {
    const { open } = await start(t);
    for (const line of [
      'content-length: 1000000000',
      'transfer-encoding: chunked',
      'expect: nonsense',
      'expect: 100-continue',
    ]) {
      const socket = await open();
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${line}\r\n\r\n`);
      assert.match(await textOf(socket), /^HTTP\/1\.1 405 .*\r\n(.*\r\n)*connection: close\r$/im);
    }
  });

  it('takes no header of more than 8 KiB', async (t) => {
    const { open } = await start(t);
    const socket = await open();
    socket.write(`GET / HTTP/1.1\r\nhost: x\r\ny: ${'z'.repeat(9_000)}\r\n\r\n`);
    assert.equal(await textOf(socket), '');
  });

  it('survives bytes that are no HTTP and peers that leave', async (t) => {
    const { listener, open } = await start(t);
    for (const sent of ['\u0016\u0003\u0001 nonsense\r\n\r\n', 'CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n', get]) {
      const socket = await open();
      socket.write(sent, () => socket.resetAndDestroy());
      await once(socket, 'close');
    }
    await settled(listener, 0);
  });
});
