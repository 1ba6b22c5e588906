import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { driverRequest } from '../lab/driver-attributes.ts';
import { type FakeKube, startFakeKube } from '../lab/fakekube.ts';
import { mount, refused } from '../lab/grpc-client.ts';
import { type Keymount, type SocketName, startKeymount } from '../lab/keymount.ts';
import { type KubeApiServer, startKubeApi, writeKubeconfig } from '../lab/kube-api.ts';
import { type OpenBao, startOpenBao } from '../lab/openbao.ts';
import { enableKubernetesAuth } from '../lab/openbao-auth.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { podTokens, type TokenOptions } from '../lab/pod-token.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { fillOpenBao } from './secrets.ts';

/** A Mount that fails, as far as it differs from a good one. */
export interface Wrong {
  /** `vault` unless told. */
  provider?: SocketName;
  /** `spec.parameters`, all of them. */
  parameters: Record<string, string>;
  pod?: Partial<Pod>;
  /** Audiences of the tokens that the driver sends; `vault` and `openbao` unless told. */
  audiences?: string[];
  token?: TokenOptions;
  nodePublishSecret?: Record<string, string>;
  /** Flags of `keymount serve` besides the usual ones. */
  flags?: string[];
  /** Its configuration file. */
  config?: object;
}

/** A cluster's API, a real OpenBao that trusts it behind a proxy, and keymounts between. */
export interface ErrorsLab {
  readonly bao: OpenBao;
  readonly proxy: LabProxy;
  /** keymount's API server. OpenBao has another, with the same signing key: here calls can be refused. */
  readonly kube: KubeApiServer;
  readonly reviewer: FakeKube;
  /** What the driver is told, with the lab's addresses as on the page. */
  told(wrong: Wrong): Promise<string>;
  keymount(flags?: string[], config?: object): Promise<Keymount>;
  /** A server of something else; its address is `https://vault.example.com` on the page. */
  serve(listener: RequestListener): Promise<string>;
  /** The lab's addresses as the page has them. */
  shown(text: string): string;
  close(): Promise<void>;
}

/** The names on the page: every address of the lab is one of these there. */
const server = 'https://vault.example.com:8200';

export async function startErrorsLab(): Promise<ErrorsLab> {
  const kube = await startKubeApi();
  const [bao, reviewer] = await Promise.all([startOpenBao(), startFakeKube(kube.issuer)]);
  await enableKubernetesAuth(bao, reviewer);
  await fillOpenBao(bao);
  const proxy = await startProxy(bao.address);
  const folder = scratchFolder('docs');
  const kubeconfig = writeKubeconfig(kube, folder);
  const keymounts = new Map<string, Promise<Keymount>>();
  const servers: Server[] = [];
  const shown = (text: string) =>
    text.replace(/https?:\/\/127\.0\.0\.1:\d+/g, server).replace(/127\.0\.0\.1:\d+/g, server.slice('https://'.length));

  function start(flags: string[], config: object | undefined): Promise<Keymount> {
    const file = join(folder, `config-${keymounts.size}.yaml`);
    if (config !== undefined) writeFileSync(file, JSON.stringify(config));
    return startKeymount({
      // every Mount asks: what one situation read must not answer the next
      env: { VAULT_ADDR: proxy.address, POD_NAMESPACE: 'keymount', KEYMOUNT_REFRESH_INTERVAL: '0' },
      args: ['--kubeconfig', kubeconfig, ...flags, ...(config ? ['--config', file] : [])],
    });
  }

  function keymount(flags: string[] = [], config?: object): Promise<Keymount> {
    const key = JSON.stringify([flags, config]);
    const known = keymounts.get(key) ?? start(flags, config);
    keymounts.set(key, known);
    return known;
  }

  return {
    bao,
    proxy,
    kube,
    reviewer,
    shown,
    keymount,
    async told({ provider = 'vault', audiences = ['vault', 'openbao'], flags, config, ...wrong }) {
      const pod = aPod({ name: 'web-1', ...wrong.pod });
      kube.pods.set(`${pod.namespace}/${pod.name}`, pod);
      const tokens = podTokens(kube.issuer, pod, audiences, wrong.token);
      const sent = audiences.length === 0 ? {} : { tokens };
      const { attributes, secrets } = driverRequest({ ...wrong, pod, ...sent });
      const socket = (await keymount(flags, config)).socket(provider);
      return shown(refused(await mount(socket, attributes, { secrets })).message);
    },
    async serve(listener) {
      const other = createServer(listener);
      servers.push(other);
      other.listen(0, '127.0.0.1');
      await once(other, 'listening');
      return `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    },
    async close() {
      await Promise.allSettled([...keymounts.values()].map(async (each) => (await each).stop()));
      for (const each of servers) each.close();
      await Promise.all([bao.stop(), reviewer.stop(), proxy.close(), kube.close()]);
    },
  };
}
