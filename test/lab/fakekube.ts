import { readFileSync } from 'node:fs';
import { startChild, untilReady } from './child-process.ts';
import { freePort } from './free-port.ts';
import { answers, requestJson } from './http-json.ts';
import type { ReviewingApi } from './openbao-auth.ts';
import type { TokenIssuer } from './pod-token.ts';
import { scratchFolder } from './scratch.ts';
import { need } from './tools.ts';

/** What befalls calls: no answer until the fault is lifted, an HTTP status, or a refused connection for all of them. */
export type KubeFault =
  | { mode: 'hang'; path?: string }
  | { mode: 'fail'; status: number; path?: string }
  | { mode: 'gone' }
  | { mode: 'none' };

/** A stand-in for the Kubernetes API (test/driver/cmd/fakekube says what it serves). */
export interface FakeKube extends ReviewingApi {
  /** `ca.crt`, `token`, `namespace` and `kubeconfig`, as a pod and a developer have them. */
  readonly folder: string;
  readonly kubeconfig: string;
  /** Calls since the last `reset`, by `METHOD /path`. */
  requests(): Promise<Record<string, number>>;
  reset(): Promise<void>;
  putSecret(namespace: string, name: string, data: Record<string, Uint8Array | string>): Promise<void>;
  deleteSecret(namespace: string, name: string): Promise<void>;
  /** Gives a ServiceAccount another uid, as deleting and creating it does: tokens with the old uid are refused from now on. */
  setServiceAccountUid(namespace: string, name: string, uid: string): Promise<void>;
  deleteServiceAccount(namespace: string, name: string): Promise<void>;
  /** Annotations of a ServiceAccount. */
  annotate(namespace: string, name: string, annotations: Record<string, string>): Promise<void>;
  putNode(name: string, labels: Record<string, string>): Promise<void>;
  /** Applies to calls whose path contains `path`. One fault at a time; `none` lifts it. */
  fault(fault: KubeFault): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an API whose tokens the issuer signs. `namespace` is the provider's own, `kube-system` unless told. */
export async function startFakeKube(issuer: TokenIssuer, namespace = 'kube-system'): Promise<FakeKube> {
  const { fakekube } = need('fakekube');
  const folder = scratchFolder('kube');
  const { keyFile } = issuer.writeTo(folder);
  const [listen, controlAddress] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const child = await startChild(fakekube, [
    ...['--listen', listen, '--control', controlAddress, '--key', keyFile],
    ...['--issuer', issuer.issuer, '--dir', folder, '--namespace', namespace],
  ]);
  await untilReady(child, 'fakekube', () => answers(`http://${controlAddress}/requests`));

  async function control(method: string, path: string, body?: object): Promise<unknown> {
    const reply = await requestJson(`http://${controlAddress}${path}`, { method, body });
    if (reply.status >= 300) throw new Error(`fakekube: ${method} ${path}: ${reply.status}`);
    return reply.body;
  }
  async function change(method: string, path: string, body?: object): Promise<void> {
    await control(method, path, body);
  }

  return {
    address: `https://${listen}`,
    caPem: readFileSync(`${folder}/ca.crt`, 'utf8'),
    reviewerToken: readFileSync(`${folder}/token`, 'utf8'),
    folder,
    kubeconfig: `${folder}/kubeconfig`,
    requests: async () => (await control('GET', '/requests')) as Record<string, number>,
    reset: () => change('POST', '/reset'),
    putSecret: (ns, name, data) => change('PUT', `/secrets/${ns}/${name}`, base64Values(data)),
    deleteSecret: (ns, name) => change('DELETE', `/secrets/${ns}/${name}`),
    setServiceAccountUid: (ns, name, uid) => change('PUT', `/serviceaccounts/${ns}/${name}`, { uid }),
    deleteServiceAccount: (ns, name) => change('DELETE', `/serviceaccounts/${ns}/${name}`),
    annotate: (ns, name, annotations) => change('PUT', `/annotations/${ns}/${name}`, annotations),
    putNode: (name, labels) => change('PUT', `/nodes/${name}`, labels),
    fault: (fault) => change('PUT', '/fault', fault.mode === 'none' ? {} : fault),
    async stop() {
      await child.stop();
    },
  };
}

function base64Values(data: Record<string, Uint8Array | string>): Record<string, string> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
}
