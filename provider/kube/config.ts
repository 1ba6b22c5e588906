import { promises as fs } from 'node:fs';
import path from 'node:path';
import { KeymountError } from '../errors.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { parseKubeconfig } from './kubeconfig.ts';
import type { Material } from './material.ts';

/** Where the API server is, and as whom to come. */
export interface KubeConfig {
  /** https only; may have a prefix, as behind Rancher. */
  readonly server: Address;
  /** keymount's own namespace: the place of its Secrets unless the settings name another. */
  readonly namespace: string;
  /** PEM of the CA; undefined: the public ones. */
  readonly ca: Material | undefined;
  readonly serverName: string | undefined;
  readonly skipVerify: boolean;
  readonly token: Material | undefined;
  readonly clientCertificate: { readonly cert: Material; readonly key: Material } | undefined;
}

export interface KubeSurroundings {
  /** Paths as in KUBECONFIG, `:` between them; of several the first that exists is used, they are not merged. */
  readonly kubeconfig: string | undefined;
  /** KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, which kubelet gives to every pod. */
  readonly serviceHost: string | undefined;
  readonly servicePort: string | undefined;
  /** POD_NAMESPACE; comes before what a kubeconfig or the pod's files say. */
  readonly podNamespace: string | undefined;
  /** Where kubelet puts ca.crt, token and namespace; the usual place unless told. */
  readonly serviceAccountDir?: string;
}

const usualServiceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The kubeconfig if there is one, else the pod's own ServiceAccount, else undefined: no cluster. Throws `settings-invalid`. */
export async function findKubeConfig(surroundings: KubeSurroundings): Promise<KubeConfig | undefined> {
  const paths = (surroundings.kubeconfig ?? '').split(path.delimiter).filter((one) => one !== '');
  if (paths.length > 0) return fromKubeconfig(paths, surroundings.podNamespace);
  if (surroundings.serviceHost === undefined || surroundings.serviceHost === '') return undefined;
  return inCluster(surroundings.serviceHost, surroundings);
}

async function fromKubeconfig(paths: readonly string[], podNamespace: string | undefined): Promise<KubeConfig> {
  for (const file of paths) {
    const text = await readIfThere(file);
    if (text !== undefined) return parseKubeconfig(text, path.resolve(file), podNamespace);
  }
  throw new KeymountError('settings-invalid', `there is no kubeconfig at ${paths.join(' or ')}`);
}

async function inCluster(host: string, surroundings: KubeSurroundings): Promise<KubeConfig> {
  const dir = surroundings.serviceAccountDir ?? usualServiceAccountDir;
  const token = path.join(dir, 'token');
  // Going on as if there were no cluster would give every node a version key of its own.
  if ((await readIfThere(token)) === undefined) {
    throw new KeymountError('settings-invalid', `this runs in a pod of Kubernetes, but there is no ${token}`, {
      hint: 'mount a ServiceAccount token there, as manifests/install.yaml does, or give a kubeconfig',
    });
  }
  const namespace = (await readIfThere(path.join(dir, 'namespace')))?.trim();
  const address = `https://${host.includes(':') ? `[${host}]` : host}:${surroundings.servicePort || '443'}`;
  const parsed = parseAddress(address);
  if ('problem' in parsed) {
    throw new KeymountError('settings-invalid', 'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT make no address', {
      reason: parsed.problem,
    });
  }
  return {
    server: parsed.address,
    namespace: surroundings.podNamespace || namespace || 'default',
    ca: { file: path.join(dir, 'ca.crt') },
    serverName: undefined,
    skipVerify: false,
    token: { file: token },
    clientCertificate: undefined,
  };
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new KeymountError('settings-invalid', `cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
