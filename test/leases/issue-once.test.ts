import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { driverMount } from '../driver/drivermount.ts';
import type { Keymount } from '../e2e/keymount.ts';
import { requestOf } from '../e2e/requests.ts';
import { until } from '../e2e/until.ts';
import { requiresPostgres } from '../lab/postgres.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { requires } from '../lab/tools.ts';
import { classOf, dbObjects, enablePki, type LeaseLab, startLeaseLab } from './lab.ts';

const skip = requires('bao', 'drivermount').skip || requiresPostgres().skip;
const call = { secretPath: 'pki/issue/web', method: 'PUT', secretArgs: { common_name: 'web.shop.svc' } };
const certificate = [{ objectName: 'tls.crt', ...call, secretKey: 'certificate' }];

describe('what OpenBao issues where its answer is lost', { skip }, () => {
  let lab: LeaseLab;
  let proxy: LabProxy;
  let keymount: Keymount;
  before(async () => {
    lab = await startLeaseLab();
    await enablePki(lab.bao);
    proxy = await startProxy(lab.bao.address);
    keymount = await lab.keymount({ address: proxy.address, args: ['--vault-timeout=2s'] });
  });
  after(async () => {
    await proxy.close();
    await lab.stop();
  });

  const issued = async () =>
    ((await lab.bao.request('LIST', 'pki/certs')).body as { data: { keys: string[] } }).data.keys.length;

  /** As the driver does it, its three tries of UNAVAILABLE included. */
  async function mountByDriver(pod: ReturnType<LeaseLab['pod']>, folder: string, objects: readonly object[]) {
    const request = requestOf(lab.kube.issuer, { pod, parameters: classOf(objects) });
    return await driverMount(keymount.socket('vault'), `${folder}/volume`, request);
  }

  for (const [what, fault] of [
    ['cut off', { cutAfter: 0 }],
    ['a 500', { statusAfter: 500 }],
    ['a 502 of a proxy', { statusAfter: 502 }],
    ['no answer in time', { hangAfter: true }],
  ] as const) {
    it(`is one certificate, with ${what}, however often kubelet asks again`, async () => {
      const [pod, folder, before] = [lab.pod(), scratchFolder('once'), await issued()];
      proxy.reset();
      proxy.faults({ match: /pki\/issue/, ...fault });
      for (let count = 0; count < 4; count++) {
        const { status, error } = await mountByDriver(pod, folder, certificate);
        assert.equal(status, 'FailedPrecondition', error);
        assert.match(error, /whether writing to pki\/issue\/web issued something.*\[issue-uncertain\]/);
      }
      assert.equal(proxy.count(/pki\/issue/), 1);
      assert.equal((await issued()) - before, 1);
      proxy.faults();
    });
  }

  it('is one user of a database, which ends with the pod', async () => {
    const [pod, folder] = [lab.pod(), scratchFolder('once')];
    await lab.dbRole('once', 3_600, 86_400);
    proxy.faults({ match: /database\/creds/, cutAfter: 0 });
    for (let count = 0; count < 3; count++) {
      assert.match((await mountByDriver(pod, folder, dbObjects('once'))).error, /issue-uncertain/);
    }
    proxy.faults();
    assert.equal((await lab.roles('once')).length, 1);
    lab.kube.podFeed.remove(pod);
    await lab.untilRoles(0, 10_000, 'once');
  });

  it('is asked for again after half a minute, and the pod starts', { timeout: 90_000 }, async () => {
    const [pod, folder, before] = [lab.pod(), scratchFolder('once'), await issued()];
    proxy.faults({ match: /pki\/issue/, cutAfter: 0, times: 1 });
    const started = performance.now();
    await until(async () => (await mountByDriver(pod, folder, certificate)).status === 'OK', 60_000);
    assert.ok(performance.now() - started > 25_000, 'not before');
    assert.equal((await issued()) - before, 2);
  });

  it('was repeated where it never reached the server', async () => {
    const [pod, folder, before] = [lab.pod(), scratchFolder('once'), await issued()];
    proxy.faults({ match: /pki\/issue/, status: 429, times: 1 });
    assert.equal((await mountByDriver(pod, folder, certificate)).status, 'OK');
    assert.equal((await issued()) - before, 1);
  });
});
