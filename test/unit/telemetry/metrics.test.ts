import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Code, catalogue } from '../../../provider/errors.ts';
import { createMetrics } from '../../../provider/telemetry/metrics.ts';

const make = () =>
  createMetrics({ dialects: ['vault', 'keymount'], backends: ['vault', 'file'], version: '1.2.3', node: 'v24.0.0' });

async function samples(metrics: ReturnType<typeof make>): Promise<Map<string, number>> {
  const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('keymount_'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

describe('metrics', () => {
  it('are zero from the start for every dialect and every code', async () => {
    const all = await samples(make());
    for (const dialect of ['vault', 'keymount']) {
      for (const code of ['ok', ...Object.keys(catalogue)]) {
        assert.equal(all.get(`keymount_mounts_total{dialect="${dialect}",code="${code}"}`), 0);
      }
      assert.equal(all.get(`keymount_mount_duration_seconds_count{dialect="${dialect}"}`), 0);
    }
    assert.equal(all.get('keymount_backend_requests_total{backend="file",call="read",code="backend-unreachable"}'), 0);
    assert.equal(all.get('keymount_backend_request_duration_seconds_count{backend="vault",call="login"}'), 0);
    assert.equal(all.get('keymount_logins_total{backend="vault",code="login-denied"}'), 0);
    assert.equal(all.get('keymount_mounts_in_flight'), 0);
    assert.equal(all.get('keymount_build_info{version="1.2.3",node="v24.0.0"}'), 1);
  });

  it('count what happens', async () => {
    const metrics = make();
    metrics.mount({ dialect: 'vault', code: 'ok', seconds: 0.02 });
    metrics.mount({ dialect: 'vault', code: 'secret-denied', seconds: 0.3 });
    metrics.backendRequest({ backend: 'vault', call: 'read', code: 'secret-denied', seconds: 0.2 });
    metrics.login({ backend: 'vault', code: 'ok' });
    metrics.watch('mountsInFlight', () => 7);
    const all = await samples(metrics);
    assert.equal(all.get('keymount_mounts_total{dialect="vault",code="ok"}'), 1);
    assert.equal(all.get('keymount_mounts_total{dialect="vault",code="secret-denied"}'), 1);
    assert.equal(all.get('keymount_mount_duration_seconds_bucket{le="0.025",dialect="vault"}'), 1);
    assert.equal(all.get('keymount_mount_duration_seconds_count{dialect="vault"}'), 2);
    assert.equal(all.get('keymount_backend_requests_total{backend="vault",call="read",code="secret-denied"}'), 1);
    assert.equal(all.get('keymount_backend_request_duration_seconds_sum{backend="vault",call="read"}'), 0.2);
    assert.equal(all.get('keymount_logins_total{backend="vault",code="ok"}'), 1);
    assert.equal(all.get('keymount_mounts_in_flight'), 7);
  });

  it('make no series of names that nobody knows', async () => {
    const metrics = make();
    for (let i = 0; i < 500; i++) {
      metrics.mount({ dialect: `d${i}`, code: `c${i}` as Code, seconds: 1 });
      metrics.backendRequest({ backend: `b${i}`, call: `c${i}` as 'read', code: `c${i}` as Code, seconds: 1 });
      metrics.login({ backend: `b${i}`, code: `c${i}` as Code });
    }
    const all = await samples(metrics);
    assert.equal(all.get('keymount_mounts_total{dialect="other",code="internal"}'), 500);
    assert.equal(all.get('keymount_backend_requests_total{backend="other",call="other",code="internal"}'), 500);
    assert.equal(all.get('keymount_logins_total{backend="other",code="internal"}'), 500);
    assert.ok(all.size < (await samples(make())).size + 40);
  });

  it('are given even if a gauge fails', async () => {
    const metrics = make();
    metrics.watch('mountsInFlight', () => {
      throw new Error('x');
    });
    const all = await samples(metrics);
    assert.ok(Number.isNaN(all.get('keymount_mounts_in_flight')));
    assert.equal(all.get('keymount_mounts_total{dialect="vault",code="ok"}'), 0);
  });

  it('of one process tell of it, and two sets do not mix', async () => {
    const [first, second] = [make(), make()];
    first.mount({ dialect: 'vault', code: 'ok', seconds: 1 });
    assert.equal((await samples(second)).get('keymount_mounts_total{dialect="vault",code="ok"}'), 0);
    assert.match(await first.text(), /^process_resident_memory_bytes \d+/m);
    assert.match(first.contentType, /^text\/plain; version=0\.0\.4/);
  });

  it('have help for each, and counters end in _total', async () => {
    const text = await make().text();
    const types = [...text.matchAll(/^# TYPE (keymount_\S+) (\S+)$/gm)];
    assert.ok(types.length >= 7);
    for (const [, name, type] of types) {
      const help = text.split('\n').find((line) => line.startsWith(`# HELP ${name} `));
      assert.ok(help?.endsWith('.'), name);
      assert.equal(type === 'counter', name?.endsWith('_total'));
    }
  });
});
