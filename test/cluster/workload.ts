import type { KubeObject } from './cluster.ts';

/** What a test changes in the class that it mounts. */
export interface ClassText {
  readonly name: string;
  readonly provider?: string;
  readonly roleName?: string | undefined;
  readonly objects?: string;
  /** Name of the Kubernetes Secret that the driver makes of the files; undefined: none. */
  readonly secretName?: string;
}

export const namespace = 'shop';
export const serviceAccount = 'app';

/** What the pods need besides their classes. */
export const surroundings: KubeObject[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: serviceAccount, namespace } },
];

export const objects = `
- objectName: "db-username"
  secretPath: "secret/data/database/config"
  secretKey: "username"
- objectName: "db-password"
  secretPath: "secret/data/database/config"
  secretKey: "password"
`;

/** A class as the Vault provider's users write it. */
export function secretProviderClass(address: string, text: ClassText): KubeObject {
  const { name, provider = 'vault', secretName } = text;
  const roleName = 'roleName' in text ? text.roleName : 'app-role';
  return {
    apiVersion: 'secrets-store.csi.x-k8s.io/v1',
    kind: 'SecretProviderClass',
    metadata: { name, namespace },
    spec: {
      provider,
      ...(secretName && {
        secretObjects: [
          {
            secretName,
            type: 'Opaque',
            data: [
              { objectName: 'db-username', key: 'username' },
              { objectName: 'db-password', key: 'password' },
            ],
          },
        ],
      }),
      parameters: {
        vaultAddress: address,
        ...(roleName && { roleName }),
        vaultSkipTLSVerify: 'false',
        objects: text.objects ?? objects,
      },
    },
  };
}

/** A Deployment of one pod that prints its files and goes on running. */
export function deployment({ name, secretName }: ClassText): KubeObject {
  const fromSecret = (variable: string, key: string) => ({
    name: variable,
    valueFrom: { secretKeyRef: { name: secretName, key } },
  });
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          serviceAccountName: serviceAccount,
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 0,
          securityContext: { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000 },
          containers: [
            {
              name: 'app',
              image: 'localhost/busybox:local',
              imagePullPolicy: 'Never',
              command: ['sh', '-c', 'for f in /secrets/*; do echo "$f: $(cat $f)"; done; exec sleep 2147483647'],
              ...(secretName && { env: [fromSecret('USERNAME', 'username'), fromSecret('PASSWORD', 'password')] }),
              volumeMounts: [{ name: 'secrets', mountPath: '/secrets', readOnly: true }],
            },
          ],
          volumes: [
            {
              name: 'secrets',
              csi: {
                driver: 'secrets-store.csi.k8s.io',
                readOnly: true,
                volumeAttributes: { secretProviderClass: name },
              },
            },
          ],
        },
      },
    },
  };
}
