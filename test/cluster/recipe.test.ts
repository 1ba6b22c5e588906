import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CredentialCluster, mounted, skipCredentials, startCredentialCluster } from './credential-cluster.ts';
import { credentialIn } from './login-probe.ts';
import { killContainer, killKubelet } from './node.ts';
import { type RecipePod, recipePod, written } from './recipe-pod.ts';

/** Seconds that a credential of the database role `brief` lives. */
const brief = 12;

describe('an init container and a preStop hook, beside a volume of keymount', {
  skip: skipCredentials(),
  timeout: 400_000,
}, () => {
  let lab: CredentialCluster;

  before(async () => {
    lab = await startCredentialCluster(22);
    for (const name of ['volume', 'recipe']) await lab.role(name, 3_600, 86_400);
    await lab.role('brief', brief, brief);
  });

  after(async () => await lab?.stop());

  const start = async (name: string, parts: Partial<RecipePod> = {}) => {
    const pod = { name, role: 'volume', recipe: 'recipe', address: lab.bao.address, grace: 30, ...parts };
    await lab.cluster.apply(recipePod(pod));
    await lab.untilRoles(1, 60, pod.recipe);
    await lab.untilRoles(1, 5, 'volume');
  };

  it('leave nothing either when the pod is deleted and the hook runs', async () => {
    await start('deleted');
    await lab.untilReady('deleted');
    for (const path of [mounted, written]) {
      const { user, password } = credentialIn(await lab.read('deleted', `${path}/credential`));
      assert.ok(await lab.postgres.canLogIn(user, password), `${path}: ${user} does not log in`);
    }
    await lab.kubectl('delete', 'pod', 'deleted');
    await lab.untilRoles(0, 5, 'volume');
    await lab.untilRoles(0, 5, 'recipe');
  });

  it('leave their credential until its TTL where the app is killed, keymount leaves none', async () => {
    const started = Date.now();
    await start('killed', { recipe: 'brief' });
    await lab.untilReady('killed');
    await killContainer(lab.cluster, await lab.containerId('killed'));
    await lab.untilRoles(0, 5, 'volume');
    assert.equal(await lab.kubectl('get', 'pod', 'killed', '-o', 'jsonpath={.status.phase}'), 'Failed');
    await lab.kubectl('delete', 'pod', 'killed');
    while (Date.now() < started + (brief - 1) * 1000) {
      assert.equal((await lab.roles('brief')).length, 1);
      await sleep(500);
    }
    await lab.untilRoles(0, 20, 'brief');
  });

  it('leave their credential where the app ends by itself, keymount leaves none', async () => {
    await start('finished', { command: 'sleep 2' });
    await onlyTheRecipeLeavesOne();
  });

  it('leave their credential where the pod is deleted before its app starts, keymount leaves none', async () => {
    await start('waiting', { afterwards: 'sleep 2147483647', grace: 1 });
    await lab.kubectl('delete', 'pod', 'waiting');
    await onlyTheRecipeLeavesOne();
  });

  it('leave their credential where OpenBao is away when the pod ends, keymount leaves none', async () => {
    await start('unheard');
    await lab.untilReady('unheard');
    await lab.bao.seal();
    await lab.kubectl('delete', 'pod', 'unheard');
    assert.equal((await lab.roles()).length, 2);
    await lab.bao.unseal();
    await onlyTheRecipeLeavesOne(30);
  });

  it('leave nothing either when the pod is deleted by force or has no time to end, as kubelet runs a quick hook', async () => {
    for (const [name, grace] of [
      ['forced', 30],
      ['hurried', 0],
    ] as const) {
      await start(name, { grace });
      await lab.untilReady(name);
      await lab.kubectl('delete', 'pod', name, '--force', '--grace-period=0');
      await lab.untilRoles(0, 5, 'volume');
      await lab.untilRoles(0, 10, 'recipe');
    }
  });

  it('leave their credential where the hook waits longer than the pod may take to end, keymount leaves none', async () => {
    await start('slow', { wait: 5, grace: 2 });
    await lab.untilReady('slow');
    await lab.kubectl('delete', 'pod', 'slow');
    await onlyTheRecipeLeavesOne();
  });

  // The last one: nothing starts kubelet again.
  it('leave their credential where the node is away and the pod is deleted by force, keymount leaves none', async () => {
    await start('away');
    await lab.untilReady('away');
    await killKubelet(lab.cluster);
    await lab.kubectl('delete', 'pod', 'away', '--force', '--grace-period=0');
    await onlyTheRecipeLeavesOne();
  });

  async function onlyTheRecipeLeavesOne(seconds = 10): Promise<void> {
    await lab.untilRoles(0, seconds, 'volume');
    await sleep(2_000);
    assert.equal((await lab.roles('recipe')).length, 1);
    await lab.bao.write('sys/leases/revoke-prefix/database/creds/recipe');
    await lab.untilRoles(0, 5);
  }
});
