import type { KubeObject } from './cluster.ts';
import { namespace, secretProviderClass, serviceAccount } from './workload.ts';

/** An app that goes on until it is asked to end; as process 1 it would not hear SIGTERM without the trap. */
export const untilAsked = 'trap "exit 0" TERM; sleep 2147483647 & wait';

export const busybox = { image: 'localhost/busybox:local', imagePullPolicy: 'Never' };

/**
 * The class `creds-ROLE`: one credential of `database/creds/ROLE`, as the files `username` and `password` and, both in one,
 * `credential`, which is the server's whole reply.
 */
export function credentialClass(address: string, role: string, login: string): KubeObject {
  const secretPath = `database/creds/${role}`;
  const keys = ['username', 'password'].map((key) => ({ objectName: key, secretPath, secretKey: key }));
  const objects = JSON.stringify([...keys, { objectName: 'credential', secretPath }]);
  return secretProviderClass(address, { name: `creds-${role}`, roleName: login, objects });
}

export interface CredentialPod {
  readonly name: string;
  /** The database role: its class is `creds-ROLE`. */
  readonly role: string;
  /** What the app's shell runs; `untilAsked` unless told. */
  readonly command?: string;
  /** Seconds from SIGTERM to SIGKILL; 0 unless told, with which a deletion takes the pod out of the API at once. */
  readonly grace?: number;
  /** Seconds after which kubelet ends it. */
  readonly deadline?: number;
}

/** What the tests add to. */
export interface PodSpec {
  readonly containers: readonly [{ readonly volumeMounts: readonly object[]; readonly [field: string]: unknown }];
  readonly volumes: readonly object[];
  readonly [field: string]: unknown;
}

/** A pod whose app is never started again and has the class mounted at /secrets. */
export function credentialPod(pod: CredentialPod): KubeObject & { spec: PodSpec } {
  const { name, role, command = untilAsked, grace = 0, deadline } = pod;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      serviceAccountName: serviceAccount,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: grace,
      ...(deadline !== undefined && { activeDeadlineSeconds: deadline }),
      restartPolicy: 'Never',
      containers: [
        {
          name: 'app',
          ...busybox,
          command: ['sh', '-c', command],
          volumeMounts: [{ name: 'secrets', mountPath: '/secrets' }],
        },
      ],
      volumes: [
        {
          name: 'secrets',
          csi: {
            driver: 'secrets-store.csi.k8s.io',
            readOnly: true,
            volumeAttributes: { secretProviderClass: `creds-${role}` },
          },
        },
      ],
    },
  };
}

/** What stands for keymount's own pod: keymount runs as a process of this machine. */
export const ownPod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'keymount-x', namespace: 'keymount' },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'x', ...busybox, command: ['sleep', '2147483647'] }],
  },
};
