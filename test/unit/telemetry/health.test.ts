import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { type HealthOptions, startHealth } from '../../../provider/telemetry/health.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { freePort } from '../../lab/free-port.ts';

const metrics = { contentType: 'text/plain; version=0.0.4', text: async () => 'up 1\n' };

const defaults: HealthOptions = {
  clock: systemClock,
  http: '127.0.0.1:0',
  metricsAddress: undefined,
  ready: () => undefined,
  metrics,
};

async function start(t: TestContext, options: Partial<HealthOptions> = {}) {
  const health = await startHealth({ ...defaults, ...options });
  t.after(() => health.close());
  return { port: health.probes?.port ?? 0, metricsPort: health.metrics?.port ?? 0, close: health.close };
}

interface Reply {
  status: number | undefined;
  type: string | undefined;
  body: string;
}

function ask(port: number, path: string, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part) => {
        body += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, type: response.headers['content-type'], body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('health over HTTP', () => {
  it('is alive, and ready as long as there is no reason against it', async (t) => {
    let reason: string | undefined;
    const { port } = await start(t, { ready: () => reason });
    assert.deepEqual(await ask(port, '/livez'), { status: 200, type: 'text/plain; charset=utf-8', body: 'ok\n' });
    assert.equal((await ask(port, '/readyz?verbose')).status, 200);
    reason = 'the sockets\nare not open';
    assert.deepEqual(await ask(port, '/readyz'), {
      status: 503,
      type: 'text/plain; charset=utf-8',
      body: 'the sockets are not open\n',
    });
    assert.equal((await ask(port, '/livez')).status, 200);
  });

  it('serves the metrics in their own content type', async (t) => {
    const { port } = await start(t);
    assert.deepEqual(await ask(port, '/metrics'), { status: 200, type: metrics.contentType, body: 'up 1\n' });
  });

  it('answers HEAD without a body, other methods with 405, other paths with 404', async (t) => {
    const { port } = await start(t);
    assert.deepEqual(await ask(port, '/livez', 'HEAD'), { status: 200, type: 'text/plain; charset=utf-8', body: '' });
    assert.equal((await ask(port, '/livez', 'POST')).status, 405);
    assert.equal((await ask(port, '/')).status, 404);
    assert.equal((await ask(port, '/livez/')).status, 404);
    assert.equal((await ask(port, '//livez')).status, 404);
  });

  it('survives what its callbacks throw, and shows nothing of it', async (t) => {
    const ready = () => {
      throw new Error('CANARY');
    };
    const text = () => Promise.reject(new Error('CANARY'));
    const { port } = await start(t, { ready, metrics: { contentType: 'bad\ntype', text } });
    for (const path of ['/readyz', '/metrics']) {
      assert.deepEqual(await ask(port, path), {
        status: 500,
        type: 'text/plain; charset=utf-8',
        body: 'internal error\n',
      });
    }
    assert.equal((await ask(port, '/livez')).status, 200);
  });

  it('survives an answer that cannot be sent', async (t) => {
    const { port } = await start(t, { metrics: { contentType: 'bad\ntype', text: async () => 'x' } });
    await assert.rejects(ask(port, '/metrics'), { code: 'ECONNRESET' });
    assert.equal((await ask(port, '/livez')).status, 200);
  });

  it('survives bytes that are no HTTP and peers that leave', async (t) => {
    const { port } = await start(t);
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('\u0016\u0003\u0001 nonsense\r\n\r\n');
    await once(socket, 'close');
    const leaving = connect(port, '127.0.0.1');
    leaving.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n', () => leaving.resetAndDestroy());
    await once(leaving, 'close');
    assert.equal((await ask(port, '/livez')).status, 200);
  });

  it('closes with connections that are still open', async (t) => {
    const health = await start(t);
    const socket = connect(health.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    await health.close();
    await closed;
    await assert.rejects(ask(health.port, '/livez'), { code: 'ECONNREFUSED' });
  });

  it('says which address it cannot listen on, and why', async (t) => {
    const { port } = await start(t);
    const again = startHealth({ ...defaults, http: `127.0.0.1:${port}` });
    await assert.rejects(again, (error) => {
      assert.ok(error instanceof KeymountError);
      assert.deepEqual(
        [error.code, error.message, error.reason],
        ['settings-invalid', `cannot listen on 127.0.0.1:${port} for health and metrics`, 'EADDRINUSE'],
      );
      return true;
    });
    await assert.rejects(startHealth({ ...defaults, http: 'nonsense' }), { code: 'settings-invalid' });
  });

  it('serves the metrics on a listener of their own where they have an address', async (t) => {
    const { port, metricsPort } = await start(t, { metricsAddress: '127.0.0.1:0' });
    assert.deepEqual(await ask(metricsPort, '/metrics'), { status: 200, type: metrics.contentType, body: 'up 1\n' });
    assert.equal((await ask(metricsPort, '/livez')).status, 404);
    assert.equal((await ask(port, '/livez')).status, 200);
    const { status, body } = await ask(port, '/metrics');
    assert.deepEqual([status, body], [404, `/metrics is served on port ${metricsPort}: setting metrics\n`]);
  });

  it('writes one text for all who ask at once, and a new one for who asks after it', async (t) => {
    let texts = 0;
    const text = async () => `up ${++texts}\n`;
    const { port } = await start(t, { metrics: { ...metrics, text } });
    const at = performance.now();
    await Promise.all(Array.from({ length: 200 }, () => ask(port, '/metrics').catch(() => undefined)));
    assert.ok(texts <= 1 + (performance.now() - at) / 40, `${texts} texts`);
    const written = texts;
    assert.equal((await ask(port, '/metrics')).body, `up ${written + 1}\n`);
  });

  it('serves the metrics alone where the probes have no address', async (t) => {
    const { port, metricsPort } = await start(t, { http: undefined, metricsAddress: '127.0.0.1:0' });
    assert.equal(port, 0);
    assert.equal((await ask(metricsPort, '/metrics')).status, 200);
  });

  it('keeps no listener when the other one cannot listen', async (t) => {
    const { port } = await start(t);
    const metricsAddress = `127.0.0.1:${await freePort()}`;
    await assert.rejects(startHealth({ ...defaults, http: `127.0.0.1:${port}`, metricsAddress }), {
      message: `cannot listen on 127.0.0.1:${port} for health`,
    });
    await assert.rejects(startHealth({ ...defaults, metricsAddress: `127.0.0.1:${port}` }), {
      message: `cannot listen on 127.0.0.1:${port} for metrics`,
      hint: 'choose another address with --metrics',
    });
    await start(t, { metricsAddress });
  });
});
