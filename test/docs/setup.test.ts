import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { startChild } from '../lab/child-process.ts';
import { driverRequest } from '../lab/driver-attributes.ts';
import { mount, texts } from '../lab/grpc-client.ts';
import { aPod } from '../lab/pod.ts';
import { podTokens } from '../lab/pod-token.ts';
import { need, requires } from '../lab/tools.ts';
import { type ErrorsLab, startErrorsLab } from './errors-lab.ts';
import { blocksOf, readPage } from './page.ts';

const [setup] = blocksOf('docs/vault.md').filter(({ marks }) => marks['setup'] !== undefined);
const parameters = parse(readPage('manifests/examples/vault/secretproviderclass.yaml')).spec.parameters;

describe('what docs/vault.md says that the server needs', requires('bao', 'fakekube'), () => {
  let lab: ErrorsLab;

  before(async () => {
    lab = await startErrorsLab();
    // the page begins with a server that has no such method yet
    await lab.bao.delete('sys/auth/kubernetes');
    await runAsVault(setup?.text ?? '', lab);
  });
  after(() => lab.close());

  async function files(): Promise<Record<string, string>> {
    const pod = aPod();
    const tokens = podTokens(lab.kube.issuer, pod, ['vault']);
    const { attributes } = driverRequest({
      parameters: { ...parameters, vaultAddress: lab.proxy.address },
      pod,
      tokens,
    });
    const socket = (await lab.keymounts.get({ flags: ['--refresh-interval=1m'] })).socket('vault');
    return texts(await mount(socket, attributes));
  }

  it('lets pods mount the first class of the README', async () => {
    assert.deepEqual(await files(), { 'db-username': 'web', 'db-password': 'example-only' });
  });

  it('makes one login and one read of many pods of a ServiceAccount', async () => {
    lab.proxy.reset();
    await Promise.all(Array.from({ length: 20 }, files));
    assert.ok(lab.proxy.count(/login/) <= 1, `${lab.proxy.count(/login/)} logins`);
    assert.ok(lab.proxy.count(/secret\/data/) <= 1, `${lab.proxy.count(/secret\/data/)} reads`);
  });
});

/** Runs the script of the page with OpenBao's command in the place of Vault's, and this lab's API server in that of a cluster's. */
async function runAsVault(script: string, { bao, reviewer }: ErrorsLab): Promise<void> {
  const host = 'kubernetes_host=https://kubernetes.default.svc';
  assert.ok(script.includes(host));
  const { address, caPem, reviewerToken } = reviewer;
  // within a cluster a server finds these two by itself
  const found = `kubernetes_ca_cert='${caPem}' token_reviewer_jwt=${reviewerToken} disable_local_ca_jwt=true`;
  const here = script.replace(host, `kubernetes_host=${address} ${found}`);
  const shell = await startChild('bash', ['-euc', `vault() { ${need('bao').bao} "$@"; }\n${here}`], {
    env: { PATH: process.env['PATH'] ?? '', BAO_ADDR: bao.address, BAO_TOKEN: bao.rootToken, HOME: '/nowhere' },
  });
  assert.equal(await shell.ended, 0, shell.output());
}
