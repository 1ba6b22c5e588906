import { fileURLToPath } from 'node:url';
import { type Client, credentials, loadPackageDefinition, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { VolumeFile } from './atomic-writer.ts';

/** The pod whose volume is mounted. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccount: string;
}

/** What the driver takes from a SecretProviderClass. */
export interface ProviderClass {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly provider: string; readonly parameters: Readonly<Record<string, string>> };
}

export interface Mounted {
  readonly files: readonly VolumeFile[];
  readonly versions: ReadonlyMap<string, string>;
}

/** A Mount that the provider refused; `message` is what ends up in the pod's FailedMount event. */
export class MountRefused extends Error {}

export interface Driver {
  readonly mount: (providerClass: ProviderClass, pod: Pod) => Promise<Mounted>;
  readonly close: () => void;
}

interface Reply {
  readonly files: readonly VolumeFile[];
  readonly objectVersion: readonly { readonly id: string; readonly version: string }[];
}

const protoFile = fileURLToPath(new URL('../../proto/provider/v1alpha1/service.proto', import.meta.url));

/** The part of the CSI driver (v1.6.0) that talks to a provider: same authority, same attributes, same request. */
export function openDriver(socket: string): Driver {
  const { CSIDriverProvider } = loadPackageDefinition(loadSync(protoFile, { defaults: true }))[
    'v1alpha1'
  ] as unknown as {
    CSIDriverProvider: new (address: string, creds: unknown, options: object) => Client & { Mount: CallableFunction };
  };
  const client = new CSIDriverProvider(`unix:${socket}`, credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
  });
  return {
    mount: (providerClass, pod) =>
      new Promise((resolve, reject) => {
        const request = {
          attributes: JSON.stringify(attributesOf(providerClass, pod)),
          secrets: 'null',
          targetPath: `/var/lib/kubelet/pods/${pod.uid}/volumes/kubernetes.io~csi/secrets/mount`,
          permission: '420',
        };
        const options = { deadline: Date.now() + 10_000 };
        client.Mount(
          request,
          new Metadata({ waitForReady: true }),
          options,
          (error: ServiceError | null, reply: Reply) => {
            if (error === null) resolve({ files: reply.files, versions: versionsOf(reply) });
            else reject(new MountRefused(`rpc error: code = ${codeName(error.code)} desc = ${error.details}`));
          },
        );
      }),
    close: () => client.close(),
  };
}

/** The class's parameters, overlaid with what kubelet says of the pod. */
function attributesOf({ metadata, spec }: ProviderClass, pod: Pod): Record<string, string> {
  return {
    ...spec.parameters,
    'csi.storage.k8s.io/pod.name': pod.name,
    'csi.storage.k8s.io/pod.namespace': pod.namespace,
    'csi.storage.k8s.io/pod.uid': pod.uid,
    'csi.storage.k8s.io/serviceAccount.name': pod.serviceAccount,
    'csi.storage.k8s.io/ephemeral': 'true',
    secretProviderClass: metadata.name,
  };
}

function versionsOf({ objectVersion }: Reply): Map<string, string> {
  return new Map(objectVersion.map(({ id, version }) => [id, version]));
}

/** `NOT_FOUND` as Go prints it, `NotFound`. */
function codeName(code: number): string {
  return (status[code] ?? 'UNKNOWN').replace(
    /([A-Z])([A-Z]*)_?/g,
    (_, first: string, rest: string) => first + rest.toLowerCase(),
  );
}
