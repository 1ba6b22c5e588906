import type { KubeObject } from './cluster.ts';
import { busybox, type CredentialPod, credentialPod } from './credential-pod.ts';

/** Where `read` finds what the init container wrote. */
export const written = 'kubernetes.io~empty-dir/recipe';

export interface RecipePod extends CredentialPod {
  /** Of OpenBao, on plain http: busybox knows no TLS that is taken today. */
  readonly address: string;
  /** The database role that the init container reads. */
  readonly recipe: string;
  /** What the init container runs when it has its credential. */
  readonly afterwards?: string;
  /** Seconds that the hook waits before it revokes, as hooks do to let the app finish; none unless told. */
  readonly wait?: number;
}

/**
 * A pod that has a credential in both ways: keymount's volume, and the usual recipe without it. There an init container logs in
 * with the pod's token, reads a credential and leaves it and its own token in a volume; a preStop hook of the app revokes
 * that token, as `vault token revoke -self` does.
 */
export function recipePod(pod: RecipePod): KubeObject {
  const { address, recipe, afterwards = 'true', wait = 0 } = pod;
  const plain = credentialPod(pod);
  const [app] = plain.spec.containers;
  const shared = { name: 'recipe', mountPath: '/recipe' };
  const token = { name: 'token', mountPath: '/token' };
  return {
    ...plain,
    spec: {
      ...plain.spec,
      hostNetwork: true, // OpenBao listens on 127.0.0.1
      initContainers: [
        {
          name: 'log-in',
          ...busybox,
          command: ['sh', '-ec', `${logInAndRead(`${address}/v1`, recipe)}\n${afterwards}`],
          volumeMounts: [shared, token],
        },
      ],
      containers: [
        {
          ...app,
          lifecycle: { preStop: { exec: { command: ['sh', '-c', `sleep ${wait}; ${revokeSelf(`${address}/v1`)}`] } } },
          volumeMounts: [...app.volumeMounts, shared],
        },
      ],
      volumes: [...plain.spec.volumes, { name: 'recipe', emptyDir: { medium: 'Memory' } }, projectedToken],
    },
  };
}

const projectedToken = {
  name: 'token',
  projected: { sources: [{ serviceAccountToken: { audience: 'vault', expirationSeconds: 600, path: 'jwt' } }] },
};

const wget = `wget -q --header 'Content-Type: application/json'`;

function logInAndRead(api: string, role: string): string {
  return `
body='{"role": "app-role", "jwt": "'$(cat /token/jwt)'"}'
${wget} -O /recipe/login --post-data "$body" ${api}/auth/kubernetes/login
sed 's/.*"client_token":"\\([^"]*\\)".*/\\1/' /recipe/login >/recipe/token
${wget} -O /recipe/credential --header "X-Vault-Token: $(cat /recipe/token)" ${api}/database/creds/${role}`;
}

function revokeSelf(api: string): string {
  return `${wget} -O - --post-data '' --header "X-Vault-Token: $(cat /recipe/token)" ${api}/auth/token/revoke-self`;
}
