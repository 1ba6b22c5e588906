import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { driverRequest } from '../lab/driver-attributes.ts';
import { type FakeKube, startFakeKube } from '../lab/fakekube.ts';
import { mount, refused } from '../lab/grpc-client.ts';
import type { SocketName } from '../lab/keymount.ts';
import { type KubeApiServer, startKubeApi, writeKubeconfig } from '../lab/kube-api.ts';
import { type OpenBao, startOpenBao } from '../lab/openbao.ts';
import { enableKubernetesAuth } from '../lab/openbao-auth.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { podTokens, type TokenOptions } from '../lab/pod-token.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { createKeymounts, type Keymounts, type Setup } from './keymounts.ts';
import { fillOpenBao } from './secrets.ts';

/** A Mount that fails, as far as it differs from a good one. */
export interface Wrong extends Setup {
  /** `vault` unless told. */
  readonly provider?: SocketName;
  /** `spec.parameters`, all of them. */
  readonly parameters: Record<string, string>;
  readonly pod?: Partial<Pod>;
  /** Audiences of the tokens that the driver sends; `vault` and `openbao` unless told. */
  readonly audiences?: string[];
  readonly token?: TokenOptions;
  readonly nodePublishSecret?: Record<string, string>;
}

/** A cluster's API, a real OpenBao that trusts it behind a proxy, and keymounts between. */
export interface ErrorsLab {
  readonly bao: OpenBao;
  readonly proxy: LabProxy;
  /** keymount's API server. OpenBao has another, with the same signing key: here calls can be refused. */
  readonly kube: KubeApiServer;
  readonly reviewer: FakeKube;
  readonly keymounts: Keymounts;
  /** What the driver is told, with the lab's addresses as on the page. */
  told(wrong: Wrong): Promise<string>;
  /** A server of something else. */
  serve(listener: RequestListener): Promise<string>;
  close(): Promise<void>;
}

export async function startErrorsLab(): Promise<ErrorsLab> {
  const kube = await startKubeApi();
  const [bao, reviewer] = await Promise.all([startOpenBao(), startFakeKube(kube.issuer)]);
  await enableKubernetesAuth(bao, reviewer);
  await fillOpenBao(bao);
  const proxy = await startProxy(bao.address);
  const folder = scratchFolder('docs');
  // every Mount asks: what one situation read must not answer the next
  const env = { VAULT_ADDR: proxy.address, POD_NAMESPACE: 'keymount', KEYMOUNT_REFRESH_INTERVAL: '0' };
  const keymounts = createKeymounts(['--kubeconfig', writeKubeconfig(kube, folder)], env, folder);
  const servers: Server[] = [];
  return {
    ...{ bao, proxy, kube, reviewer, keymounts },
    async told(wrong) {
      const outcome = await keymounts.use(wrong, ({ socket }) => {
        const { attributes, secrets } = requestOf(wrong, kube);
        return mount(socket(wrong.provider ?? 'vault'), attributes, { secrets });
      });
      return shown(refused(outcome).message);
    },
    async serve(listener) {
      const server = createServer(listener);
      servers.push(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    async close() {
      await keymounts.stop();
      for (const server of servers) server.close();
      await Promise.all([bao.stop(), reviewer.stop(), proxy.close(), kube.close()]);
    },
  };
}

function requestOf(
  { parameters, nodePublishSecret, audiences = ['vault', 'openbao'], ...wrong }: Wrong,
  kube: KubeApiServer,
) {
  const pod = aPod({ name: 'web-1', ...wrong.pod });
  kube.pods.set(`${pod.namespace}/${pod.name}`, pod);
  const tokens = audiences.length === 0 ? undefined : podTokens(kube.issuer, pod, audiences, wrong.token);
  return driverRequest({ parameters, pod, tokens, nodePublishSecret });
}

/** Every address of the lab is that of the page's server there. */
function shown(text: string): string {
  const server = 'vault.example.com:8200';
  return text.replace(/https?:\/\/127\.0\.0\.1:\d+/g, `https://${server}`).replace(/127\.0\.0\.1:\d+/g, server);
}
