import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { canaries, runKeymount } from '../e2e/keymount.ts';
import { requiresPostgres } from '../lab/postgres.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { requires } from '../lab/tools.ts';
import { classOf, dbObjects, type LeaseLab, leaseCount, startLeaseLab } from './lab.ts';

const skip = requires('bao').skip || requiresPostgres().skip;

describe('keymount mount of a class that issues credentials', { skip }, () => {
  let lab: LeaseLab;
  before(async () => {
    lab = await startLeaseLab();
  });
  after(() => lab.stop());

  it('says so, and ends what was issued when it ends', async () => {
    const folder = scratchFolder('dry');
    const [classFile, token] = [join(folder, 'class.yaml'), join(folder, 'token')];
    const pod = lab.pod();
    const spec = { provider: 'vault', parameters: classOf(dbObjects()) };
    const metadata = { name: 'creds', namespace: pod.namespace };
    writeFileSync(
      classFile,
      stringify({ apiVersion: 'secrets-store.csi.x-k8s.io/v1', kind: 'SecretProviderClass', metadata, spec }),
    );
    const { token: jwt } = lab.kube.issuer.mint(pod, 'vault');
    canaries.watchJwt('the token of a pod', jwt);
    writeFileSync(token, jwt);
    const { code, output } = await runKeymount('sources', [
      ...['mount', classFile, '--vault-addr', lab.bao.address],
      ...['--service-account', pod.serviceAccount, '--token', `vault=${token}`],
    ]);
    assert.equal(code, 0, output);
    assert.match(output, /^password +0644 +\d+/m);
    assert.match(output, /^warning: database\/creds\/app issued a credential for this run; it is ended now/m);
    await lab.untilRoles(0);
    assert.equal(await leaseCount(lab.bao, 'database/creds/app'), 0);
    assert.equal(await leaseCount(lab.bao, 'auth/jwt/login'), 0);
  });
});
