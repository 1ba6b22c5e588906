import { after, before, it } from 'node:test';
import { startLeaseLab, counted } from '/work/main/test/leases/lab.ts';
it('x', async () => {
  const lab = await startLeaseLab();
  let keymount = await lab.keymount();
  const pods = Array.from({ length: 250 }, () => lab.pod());
  let t = performance.now();
  for (let start = 0; start < pods.length; start += 50) await Promise.all(pods.slice(start, start + 50).map((pod) => lab.mount(keymount, pod)));
  console.log('mounted', performance.now() - t);
  for (const pod of pods) lab.kube.podFeed.remove(pod);
  t = performance.now();
  for (let i = 0; i < 12; i++) {
    await new Promise((r) => setTimeout(r, 2000));
    console.log(Math.round(performance.now() - t), (await lab.postgres.liveRoles()).length, await counted(keymount, 'revoked'), await counted(keymount, 'revocation-failed'), lab.kube.podFeed.watches, keymount.log().filter((l) => l.event === 'pod-ended').length);
    if ((await lab.postgres.liveRoles()).length === 0) break;
  }
  console.log(lab.bao.log().split('\n').slice(-5).join('\n'));
  await lab.stop();
});
