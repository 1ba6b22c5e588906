import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Keymount } from '../e2e/keymount.ts';
import { until } from '../e2e/until.ts';
import { jwtRole } from '../lab/openbao-auth.ts';
import { requiresPostgres } from '../lab/postgres.ts';
import { requires } from '../lab/tools.ts';
import { enablePki, type LeaseLab, type Mounted, startLeaseLab } from './lab.ts';

const skip = requires('bao').skip || requiresPostgres().skip;
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Certificate and key of one issue call, as two files. */
function certificateObjects(role: string, ttl: string, commonName = 'web.shop.svc') {
  const call = { secretPath: `pki/issue/${role}`, method: 'PUT', secretArgs: { common_name: commonName, ttl } };
  return [
    { objectName: 'tls.crt', ...call, secretKey: 'certificate' },
    { objectName: 'tls.key', ...call, secretKey: 'private_key' },
  ];
}

describe('certificates', { skip, concurrency: true }, () => {
  let lab: LeaseLab;
  let keymount: Keymount;
  before(async () => {
    lab = await startLeaseLab();
    await enablePki(lab.bao);
    keymount = await lab.keymount();
  });
  after(() => lab.stop());
  const certificateOf = ({ files }: Mounted) => new X509Certificate(files['tls.crt'] ?? '');

  for (const role of ['web', 'leased']) {
    describe(role === 'web' ? 'without leases' : 'with leases', { concurrency: true }, () => {
      it('are one for two objects of one issue call, and the same at every Mount', async () => {
        const pod = lab.pod();
        const objects = certificateObjects(role, '1h');
        const first = await lab.mount(keymount, pod, objects);
        const { createPrivateKey } = await import('node:crypto');
        assert.ok(certificateOf(first).checkPrivateKey(createPrivateKey(first.files['tls.key'] ?? '')));
        for (let count = 0; count < 3; count++) assert.deepEqual(await lab.mount(keymount, pod, objects), first);
      });

      it('are one where only the first object has the arguments', async () => {
        const [one = {}, two = {}] = certificateObjects(role, '1h');
        const { secretArgs: _, ...bare } = two as { secretArgs?: object };
        const pod = lab.pod();
        const first = await lab.mount(keymount, pod, [one, bare]);
        const { createPrivateKey } = await import('node:crypto');
        assert.ok(certificateOf(first).checkPrivateKey(createPrivateKey(first.files['tls.key'] ?? '')));
        assert.deepEqual(await lab.mount(keymount, pod, [one, bare]), first);
      });

      it('are two for two calls with other arguments', async () => {
        const [one = {}] = certificateObjects(role, '1h', 'one.shop.svc');
        const [two = {}] = certificateObjects(role, '1h', 'two.shop.svc');
        const { files } = await lab.mount(keymount, lab.pod(), [one, { ...two, objectName: 'two.crt' }]);
        assert.match(new X509Certificate(files['tls.crt'] ?? '').subject, /one\.shop\.svc/);
        assert.match(new X509Certificate(files['two.crt'] ?? '').subject, /two\.shop\.svc/);
      });

      it('are issued anew at 67 to 90 % of their life, and never served past their end', async () => {
        const pod = lab.pod();
        const objects = certificateObjects(role, '12s');
        let last: X509Certificate | undefined;
        let issues = 0;
        const end = performance.now() + 14_000;
        while (performance.now() < end) {
          const now = certificateOf(await lab.mount(keymount, pod, objects));
          const left = now.validToDate.getTime() - Date.now();
          assert.ok(left > 0, `${left} ms are left`);
          if (last !== undefined && last.serialNumber !== now.serialNumber) {
            // OpenBao makes not_before 30 s earlier; its life for us begins when it was issued
            const share = 1 - (last.validToDate.getTime() - Date.now()) / 12_000;
            assert.ok(share > 0.55 && share < 0.9, `replaced at ${Math.round(100 * share)} % of its life`);
            issues++;
          }
          last = now;
          await pause(300);
        }
        assert.ok(issues >= 1, `${issues}`);
      });
    });
  }

  describe('after the end of their pod', { concurrency: true }, () => {
    const serialOf = (mounted: Mounted) =>
      (certificateOf(mounted).serialNumber.match(/../g) ?? []).join(':').toLowerCase();
    /** 0: it was not revoked. */
    const revokedAt = async (serial: string) =>
      ((await lab.bao.request('GET', `pki/cert/${serial}`)).body as { data: { revocation_time: number } }).data
        .revocation_time;
    const revoking = (role: string, ttl = '1h') =>
      certificateObjects(role, ttl).map((object) => ({ ...object, revokeCertificate: true }));

    it('are revoked where the class says so, and only there', async () => {
      const [one, other] = [lab.pod(), lab.pod()];
      const revoked = serialOf(await lab.mount(keymount, one, revoking('web')));
      const left = serialOf(await lab.mount(keymount, other, certificateObjects('web', '1h')));
      assert.equal(await revokedAt(revoked), 0);
      for (const pod of [one, other]) lab.kube.podFeed.remove(pod);
      await until(async () => (await revokedAt(revoked)) > 0);
      const told = () => keymount.log().filter((line) => line['event'] === 'lease-revoked');
      await until(() => [one, other].every(({ uid }) => told().some(({ podUid }) => podUid === uid)));
      assert.equal(await revokedAt(left), 0);
    });

    it('are revoked with those that they replaced, by another process', async () => {
      const mine = await lab.keymount({ env: { KEYMOUNT_RENEWAL_PERCENT: '10' } });
      const pod = lab.pod();
      const serials = new Set<string>();
      await until(async () => {
        serials.add(serialOf(await lab.mount(mine, pod, revoking('web', '20s'))));
        return serials.size === 2;
      }, 12_000);
      mine.child.signal('SIGKILL');
      await mine.child.ended;
      lab.kube.podFeed.remove(pod);
      const { socketFolder, stateFolder } = mine;
      const next = await lab.keymount({ socketFolder, stateFolder });
      for (const serial of serials) await until(async () => (await revokedAt(serial)) > 0);
      await next.stop();
    });

    it('that may not be revoked do not keep the token from its end, and the log names the path', async () => {
      await lab.bao.policy('issue', 'path "pki/issue/*" { capabilities = ["update"] }');
      await jwtRole(lab.bao, { name: 'issuer', policies: ['issue'] });
      const pod = lab.pod();
      const serial = serialOf(await lab.mount(keymount, pod, revoking('web'), { roleName: 'issuer' }));
      lab.kube.podFeed.remove(pod);
      const told = (event: string) =>
        keymount.log().filter((line) => line['event'] === `lease-${event}` && line['podUid'] === pod.uid);
      await until(() => told('revoked').length === 1);
      assert.match(
        JSON.stringify(told('revocation-failed')),
        /revoking a certificate at pki\/revoke was refused.*role \\?"issuer\\?" needs: path \\?"pki\/revoke\\?" \{ capabilities = \[\\?"update\\?"\] \}"/,
      );
      assert.equal(await revokedAt(serial), 0);
    });
  });
});
