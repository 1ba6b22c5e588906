import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, before, it } from 'node:test';
import { freePort } from '../lab/free-port.ts';
import { makeFileStore } from './file-store.ts';
import { forTheBundle, type Keymount, startKeymount } from './keymount.ts';
import { until } from './until.ts';

forTheBundle('whoever reaches the ports of health and metrics', (build) => {
  let keymount: Keymount;
  let metrics: number;
  const open: Socket[] = [];
  before(async () => {
    metrics = await freePort();
    keymount = await startKeymount({ build, args: [...makeFileStore().args, '--metrics', `127.0.0.1:${metrics}`] });
  });
  after(async () => {
    for (const socket of open) socket.destroy();
    await keymount.stop();
  });

  /** `sent` as the first bytes of that many connections; settled when all are open. */
  async function flood(port: number, count: number, sent: string): Promise<Socket[]> {
    const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => {}));
    open.push(...sockets);
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.write(sent, () => resolve()))));
    return sockets;
  }
  const probesPort = () => Number(new URL(keymount.http).port);
  /** As the kubelet asks, whose probes have a time-out. */
  async function probe(path = '/livez', at = keymount.http): Promise<number> {
    const signal = AbortSignal.timeout(5_000);
    return (await fetch(at + path, { headers: { connection: 'close' }, signal })).status;
  }
  const sockets = () => {
    const folder = `/proc/${keymount.child.pid}/fd`;
    return readdirSync(folder).filter((fd) => {
      try {
        return readlinkSync(`${folder}/${fd}`).startsWith('socket:');
      } catch {
        return false;
      }
    }).length;
  };

  for (const count of [66, 500, 2000]) {
    for (const sent of ['', 'GET /livez HTTP/1.1\r\nhost: x\r\n']) {
      it(`keep no probe out with ${count} connections that sent ${JSON.stringify(sent)}`, async () => {
        const before = sockets();
        await flood(probesPort(), count, sent);
        for (let each = 0; each < 5; each++) {
          assert.equal(await probe(), 200);
          assert.equal(await probe('/readyz'), 200);
        }
        assert.ok(sockets() - before < 300, `${sockets() - before} sockets`);
        await until(() => sockets() - before <= 2, 10_000);
      });
    }
  }

  it('keep no probe and no scrape out where the metrics are flooded and not read', async () => {
    const before = sockets();
    await flood(metrics, 500, 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
    await flood(metrics, 500, 'GET /met');
    assert.equal(await probe(), 200);
    assert.equal(await probe('/metrics', `http://127.0.0.1:${metrics}`), 200);
    assert.ok(sockets() - before < 600, `${sockets() - before} sockets`);
  });

  it('find the metrics at their own address alone', async () => {
    const { status, body } = await keymount.get('/metrics');
    assert.deepEqual([status, body], [404, `/metrics is served on port ${metrics}: setting metrics\n`]);
  });
});
