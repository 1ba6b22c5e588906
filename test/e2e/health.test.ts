import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { catalogue } from '../../provider/errors.ts';
import { dialectNames } from '../../provider/plan/plan.ts';
import { texts } from '../lab/grpc-client.ts';
import { type FileStore, makeFileStore } from './file-store.ts';
import { forEachBuild, type Keymount, startKeymount } from './keymount.ts';
import { assertRefused } from './messages.ts';

forEachBuild('health and metrics', (build) => {
  let store: FileStore;
  let keymount: Keymount;
  before(async () => {
    store = makeFileStore();
    keymount = await startKeymount({ build, args: store.args });
  });
  after(() => keymount.stop());
  const mounts = (code: string) => keymount.metric(`keymount_mounts_total{dialect="keymount",code="${code}"}`);

  it('has every code of every dialect at 0 from the start', async () => {
    const { body } = await keymount.get('/metrics');
    for (const dialect of dialectNames) {
      for (const code of ['ok', ...Object.keys(catalogue)]) {
        const sample = `keymount_mounts_total{dialect="${dialect}",code="${code}"} 0`;
        assert.ok(body.includes(`\n${sample}\n`), sample);
      }
    }
    for (const name of ['keymount_backend_requests_total', 'keymount_logins_total', 'keymount_mounts_in_flight']) {
      const samples = body.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
      assert.ok(samples.length > 0 && samples.every((line) => line.endsWith(' 0')), name);
    }
  });

  it('is alive and ready, and says nothing else', async () => {
    assert.deepEqual(await keymount.get('/livez'), { status: 200, body: 'ok\n' });
    assert.deepEqual(await keymount.get('/readyz'), { status: 200, body: 'ok\n' });
    assert.equal((await keymount.get('/debug')).status, 404);
  });

  it('counts Mounts by their code, with their durations', async () => {
    assert.deepEqual(texts(await keymount.mount('keymount', store.request)), { password: store.password });
    await keymount.mount('keymount', store.request);
    assertRefused(await keymount.mount('keymount', store.requestOf('absent')), 'NOT_FOUND', 'secret-missing');
    assertRefused(
      await keymount.mount('keymount', { attributes: '[]', secrets: '' }),
      'INVALID_ARGUMENT',
      'request-malformed',
    );
    assert.deepEqual(
      [await mounts('ok'), await mounts('secret-missing'), await mounts('request-malformed')],
      [2, 1, 1],
    );
    assert.equal(await keymount.metric('keymount_mount_duration_seconds_count{dialect="keymount"}'), 4);
    assert.equal(await keymount.metric('keymount_mount_duration_seconds_count{dialect="vault"}'), 0);
  });

  it('makes no new series of what a class or a pod says', async () => {
    const series = async () => {
      const lines = (await keymount.get('/metrics')).body.split('\n').filter((line) => !line.startsWith('#'));
      const names = lines.map((line) => line.slice(0, line.lastIndexOf(' ')));
      // Node's own kinds of handles, requests and resources come and go: Pipe, TCPSocketWrap, Timeout, FSReqCallback ...
      return names.filter((name) => !/^nodejs_active_(?:handles|requests|resources)\{type="\w+"\}$/.test(name));
    };
    const before = new Set(await series());
    for (const name of ['a', 'b', 'c']) {
      await keymount.mount('keymount', store.requestOf(name));
      await keymount.mount('vault', store.requestOf(name));
    }
    assert.deepEqual(
      (await series()).filter((name) => !before.has(name)),
      [],
    );
  });

  if (build === 'bundle') {
    it('is within the memory that an idle one may have', async () => {
      const resident = await keymount.metric('process_resident_memory_bytes');
      assert.ok(resident !== undefined && resident < 110 * 2 ** 20, `${resident} bytes`);
    });
  }
});
