import { type Child, startChild, untilReady } from '../lab/child-process.ts';
import { type FakeKube, startFakeKube } from '../lab/fakekube.ts';
import { freePort } from '../lab/free-port.ts';
import { answers, requestJson } from '../lab/http-json.ts';
import { type OpenBao, startOpenBao } from '../lab/openbao.ts';
import { enableJwtAuth, enableKubernetesAuth, jwtRole, kubernetesRole } from '../lab/openbao-auth.ts';
import { createTokenIssuer, type TokenIssuer } from '../lab/pod-token.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { need } from '../lab/tools.ts';
import { type Clouds, createClouds } from './clouds/clouds.ts';

/** What all contestants of all scenarios share: one OpenBao behind a counting proxy, one Kubernetes API, and clouds. */
export interface BenchLab {
  bao: OpenBao;
  kube: FakeKube;
  issuer: TokenIssuer;
  /** The private key behind `issuer`, for mountbench. */
  signingKey: string;
  /** The proxy in front of OpenBao: what a provider takes for Vault's address. */
  vaultAddress: string;
  /** The proxy's control address, `host:port`. */
  counters: string;
  clouds: Clouds;
  /** Adds a latency to each backend request; 0 takes it away. */
  delayBackend(milliseconds: number): Promise<void>;
  stop(): Promise<void>;
}

/** Auth methods `jwt` and `kubernetes`, each with a role `bench` of the policy `bench`, which reads KV v2 below `secret/bench/`. */
export async function startBenchLab(): Promise<BenchLab> {
  const issuer = createTokenIssuer();
  const { keyFile } = issuer.writeTo(scratchFolder('bench'));
  const [bao, kube] = await Promise.all([startOpenBao(), startFakeKube(issuer)]);
  await bao.policy('bench', 'path "secret/data/bench/*" { capabilities = ["read"] }');
  await enableJwtAuth(bao, issuer);
  await jwtRole(bao, { name: 'bench', policies: ['bench'] });
  await enableKubernetesAuth(bao, kube);
  await kubernetesRole(bao, { name: 'bench', policies: ['bench'] });
  const [listen, counters] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const proxy = await startCountproxy(listen, counters, bao.address);
  const clouds = createClouds(issuer, kube);
  return {
    bao,
    kube,
    issuer,
    signingKey: keyFile,
    vaultAddress: `http://${listen}`,
    counters,
    clouds,
    async delayBackend(milliseconds) {
      const { status } = await requestJson(`http://${counters}/delay?ms=${milliseconds}`, { method: 'POST' });
      if (status !== 200) throw new Error(`countproxy: ${status}`);
    },
    async stop() {
      await Promise.all([clouds.stop(), proxy.stop(), kube.stop(), bao.stop()]);
    },
  };
}

async function startCountproxy(listen: string, control: string, target: string): Promise<Child> {
  const { countproxy } = need('countproxy');
  const child = await startChild(countproxy, ['--listen', listen, '--control', control, '--target', target]);
  await untilReady(child, 'countproxy', () => answers(`http://${control}/counts`));
  return child;
}
