import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { driverRequest } from '../lab/driver-attributes.ts';
import { refused } from '../lab/grpc-client.ts';
import { type KubeApiServer, startKubeApi, writeKubeconfig } from '../lab/kube-api.ts';
import { aPod } from '../lab/pod.ts';
import { podTokens } from '../lab/pod-token.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { type FakeVault, json, startFakeVault } from './fake-vault.ts';
import { canaries, type Keymount, startKeymount } from './keymount.ts';

const [token, password] = [canaries.plantToken('a login', 'hvs.'), canaries.plant('a secret')];
const readme = readFileSync(
  join(import.meta.dirname, '../../manifests/examples/vault/secretproviderclass.yaml'),
  'utf8',
);
const { parameters: ofReadme } = (parse(readme) as { spec: { parameters: Record<string, string> } }).spec;

/** A server that gets a token for another store, or for the API server, can act there as the pod. */
describe('the tokens of a pod at an address that only its class chose', () => {
  let kube: KubeApiServer;
  let vault: FakeVault;
  const running: Keymount[] = [];

  before(async () => {
    [kube, vault] = await Promise.all([startKubeApi(), startFakeVault(token, password)]);
    const data = { data: { username: 'web', password }, metadata: { version: 1 } };
    vault.on('GET /v1/secret/data/shop/db', json({ data }));
  });
  after(async () => {
    for (const keymount of running) await keymount.stop();
    await Promise.all([kube.close(), vault.close()]);
  });

  async function keymountWith(...args: string[]): Promise<Keymount> {
    const kubeconfig = writeKubeconfig(kube, scratchFolder('kubeconfig'));
    const keymount = await startKeymount({ args: ['--kubeconfig', kubeconfig, ...args] });
    running.push(keymount);
    return keymount;
  }

  /** The class of the README, with the server's address and what else a row changes. */
  async function mount(keymount: Keymount, more: Record<string, string> = {}, audiences: string[] = []) {
    const pod = aPod({ namespace: 'shop', serviceAccount: 'web' });
    kube.pods.set(`${pod.namespace}/${pod.name}`, pod);
    const tokens = audiences.length === 0 ? undefined : podTokens(kube.issuer, pod, audiences);
    const parameters = { ...ofReadme, vaultAddress: vault.address, ...more };
    const before = vault.requests().length;
    const outcome = await keymount.mount('vault', driverRequest({ parameters, pod, tokens }));
    const asked = vault.requests().slice(before);
    return { outcome, asked };
  }

  const paths = ({ outcome }: Awaited<ReturnType<typeof mount>>) =>
    'files' in outcome ? outcome.files.map(({ path }) => path).toSorted() : refused(outcome).message;

  it("are not the API server's, which the fallback asks for where the driver sends none, until the admin names the address", async () => {
    const before = await mount(await keymountWith());
    const text = refused(before.outcome).message;
    assert.match(
      text,
      /is one of the API server, and the class alone chose the address http:\/\/127.*\[address-not-allowed\]/,
    );
    assert.ok(text.includes(`dropIn.vault.address: ${vault.address}`), text);
    const audience = /a token for audience "([^"]*)"/.exec(text)?.[1] ?? '';
    assert.ok(text.includes(`dropIn.vault.audiences: ["${audience}"]`), text);
    assert.deepEqual(before.asked, [], 'nothing is sent there');
    for (const line of [
      `--vault-addr=${vault.address}`,
      `--allowed-addresses=${vault.address}`,
      `--vault-audiences=${audience}`,
    ]) {
      assert.deepEqual(paths(await mount(await keymountWith(line))), ['db-password', 'db-username'], line);
    }
  });

  it('are those for Vault', async () => {
    assert.deepEqual(paths(await mount(await keymountWith(), {}, ['vault'])), ['db-password', 'db-username']);
  });

  it('are none of another store, sent by the driver or asked for, by its name or by its claims', async () => {
    const keymount = await keymountWith();
    for (const audience of [
      'sts.amazonaws.com',
      'pods.eks.amazonaws.com',
      'api://AzureADTokenExchange',
      'shop.svc.id.goog',
      'https://kubernetes.default.svc',
      kube.issuer.issuer,
    ]) {
      for (const sent of [[], ['vault', audience]]) {
        const { outcome, asked } = await mount(keymount, { audience }, sent);
        assert.match(refused(outcome).message, /the class alone chose the address.*\[address-not-allowed\]/, audience);
        assert.deepEqual(asked, [], audience);
      }
    }
  });

  it('are what the admin lists', async () => {
    const keymount = await keymountWith('--vault-audiences=sts.amazonaws.com');
    assert.deepEqual(paths(await mount(keymount, { audience: 'sts.amazonaws.com' }, ['sts.amazonaws.com'])), [
      'db-password',
      'db-username',
    ]);
    const other = await mount(keymount, { audience: 'shop.svc.id.goog' }, ['shop.svc.id.goog']);
    assert.match(refused(other.outcome).message, /address-not-allowed/);
  });
});
