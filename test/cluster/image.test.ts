import assert from 'node:assert/strict';
import { readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { requires } from '../lab/tools.ts';
import { type Cluster, eventually, startCluster } from './cluster.ts';
import { install, loadImage, missingBases } from './image.ts';
import { type ClusterBao, startClusterBao } from './openbao.ts';
import { missingParts } from './parts.ts';
import { fill, passwords } from './secrets.ts';
import { type ClassText, deployment, namespace, secretProviderClass, surroundings } from './workload.ts';

const missing = missingParts() ?? missingBases();
if (missing && process.env['CI']) throw new Error(`this machine lacks ${missing}`);
const skip = missing ? `this machine lacks ${missing}` : requires('bao').skip;

const app: ClassText = { name: 'app', secretName: 'db-credentials' };

describe('the image, installed by manifests/install.yaml', { skip, timeout: 300_000 }, () => {
  let cluster: Cluster | undefined;
  let bao: ClusterBao | undefined;

  before(async () => {
    cluster = await startCluster(18);
    const running = cluster;
    bao = await startClusterBao(cluster);
    await Promise.all([loadImage(cluster), fill(bao), cluster.apply(...surroundings)]);
    await install(cluster, bao, await readFile(bao.ca, 'utf8')).catch(async (error) => {
      const told = await running.kubectl('-n', 'keymount', 'describe', 'pods');
      const log = await running.kubectl('-n', 'keymount', 'logs', 'daemonset/keymount', '--all-containers');
      throw new Error(`keymount does not run:\n${told}\n${log}`, { cause: error });
    });
  });

  after(async () => {
    await bao?.stop();
    await cluster?.stop();
  });

  it('gives a pod the files of its class', async () => {
    assert.ok(cluster && bao);
    await cluster.apply(secretProviderClass(bao.tlsAddress, app), deployment(app));
    await cluster.kubectl('-n', namespace, 'rollout', 'status', 'deployment/app', '--timeout=60s');
    const log = await cluster.kubectl('-n', namespace, 'logs', 'deployment/app');
    assert.equal(log, `/secrets/db-password: ${passwords.first}\n/secrets/db-username: shop\n`);
  });

  it('runs without any privilege and sees no other provider', async () => {
    const status = await inKeymount(`require('fs').readFileSync('/proc/self/status', 'utf8')`);
    for (const line of ['Uid:\t65532\t65532', 'CapBnd:\t0000000000000000', 'NoNewPrivs:\t1', 'Seccomp:\t2']) {
      assert.ok(status.includes(line), `${line} in ${status}`);
    }
    assert.equal(
      await inKeymount(`require('fs').readdirSync('/sockets').sort().join()`),
      '.keymount-admin.sock,keymount.sock,openbao.sock,vault.sock\n',
    );
    await assert.rejects(inKeymount(`require('fs').writeFileSync('/app/keymount.cjs', '')`), /EROFS/);
  });

  it('leaves the directory of all providers to root', async () => {
    assert.ok(cluster);
    const { uid, mode } = await stat(cluster.providers);
    assert.deepEqual({ uid, mode: mode & 0o777 }, { uid: 0, mode: 0o755 });
    assert.equal(await readlink(join(cluster.providers, 'vault.sock')), 'keymount/vault.sock');
  });

  it('is replaced under running pods, which the new keymount goes on serving', async () => {
    const { kubectl } = cluster ?? assert.fail();
    await kubectl('-n', 'keymount', 'rollout', 'restart', 'daemonset/keymount');
    await kubectl('-n', 'keymount', 'rollout', 'status', 'daemonset/keymount', '--timeout=60s');
    const mount = await eventually('Mount of the running pod by the new keymount', 60, async () => {
      const log = await kubectl('-n', 'keymount', 'logs', 'daemonset/keymount', '-c', 'keymount');
      return log.match(/.*"event":"mount".*/)?.[0];
    });
    assert.match(mount, /"pod":"app-.*"code":"ok".*"files":2/);
  });

  /** What an expression gives in keymount's container; the image has no shell. */
  async function inKeymount(expression: string): Promise<string> {
    assert.ok(cluster);
    const node = ['/nodejs/bin/node', '-e', `console.log(${expression})`];
    return await cluster.kubectl('-n', 'keymount', 'exec', 'daemonset/keymount', '-c', 'keymount', '--', ...node);
  }
});
