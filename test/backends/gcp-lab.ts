import assert from 'node:assert/strict';
import type { Login, Secret, Session } from '../../provider/backends/backend.ts';
import { secretManagerBackend } from '../../provider/backends/gcp/index.ts';
import type { GcpRef } from '../../provider/backends/gcp/ref.ts';
import { formatError, KeymountError } from '../../provider/errors.ts';
import type { NewSource } from '../../provider/plan/sources.ts';
import { SecretString } from '../../provider/util/secret-string.ts';
import { type GcpCloud, startGcpCloud } from '../lab/gcp-cloud.ts';
import { aPod } from '../lab/pod.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { contractDeps, errorOf, noCluster, sourceOf } from './contract.ts';

export const issuer = createTokenIssuer();
export const pod = aPod({ name: 'web-1' });

export const pool = 'shop-prod.svc.id.goog';
export const poolAudience = `identitynamespace:${pool}:https://container.googleapis.com/v1/projects/shop-prod/locations/europe-west1/clusters/blue`;
/** Whom the pool makes of the pod. */
export const podPrincipal = 'system:serviceaccount:shop:web';
/** What the metadata server of a node of that cluster says. */
export const clusterMetadata = {
  'project/project-id': 'shop-prod',
  'instance/attributes/cluster-location': 'europe-west1',
  'instance/attributes/cluster-name': 'blue',
};

/** Never aborts. */
export const signal = new AbortController().signal;

/** The login of a pod of `shop/web`; `asked` collects the audiences of the tokens that it was asked for. */
export function podLogin(annotations: Record<string, string> = {}, asked: string[][] = []): Login {
  const { namespace, serviceAccount, serviceAccountUid, name, uid } = pod;
  return {
    identity: { namespace, serviceAccount, serviceAccountUid, pod: name, podUid: uid, proven: true },
    role: undefined,
    audience: undefined,
    token: async (audience, _signal, { orFor = [] } = {}) => {
      asked.push([audience, ...orFor]);
      return new SecretString(issuer.mint(pod, audience).token);
    },
    publishSecrets: new Map(),
    ...noCluster,
    annotations: async () => new Map(Object.entries(annotations)),
  };
}

/** Google Cloud with a GKE cluster, and ways to read from it. */
export interface GcpLab {
  readonly cloud: GcpCloud;
  connect(login?: Login, settings?: Record<string, unknown>): Promise<Session<GcpRef>>;
  value(session: Session<GcpRef>, address: string, more?: Partial<NewSource>): Promise<Secret>;
  /** The text of the error of a read, or of a login. */
  failing(session: Session<GcpRef>, address: string): Promise<string>;
  refused(login: Login, settings?: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

export async function startGcpLab(audience = poolAudience): Promise<GcpLab> {
  const cloud = await startGcpCloud(issuer, audience);
  for (const [path, text] of Object.entries(clusterMetadata)) cloud.metadata.set(path, text);
  const settings = {
    endpoint: cloud.endpoint,
    iamEndpoint: cloud.address,
    tokenEndpoint: `${cloud.address}/token`,
    metadataHost: cloud.address.slice('http://'.length),
  };
  const { connectionSchema, connect, parseRef } = secretManagerBackend;
  const lab: GcpLab = {
    cloud,
    connect: (login = podLogin(), more = {}) =>
      connect(connectionSchema.parse({ ...settings, ...more }), login, contractDeps, signal),
    async value(session, address, more = {}) {
      return await (session.read([parseRef(sourceOf(address, more))], signal)[0] as Promise<Secret>);
    },
    async failing(session, address) {
      const [result] = await Promise.allSettled(session.read([parseRef(sourceOf(address))], signal));
      return formatError(errorOf(result));
    },
    async refused(login, more) {
      const [result] = await Promise.allSettled([lab.connect(login, more)]);
      assert.ok(result?.status === 'rejected', 'the login was not refused');
      assert.ok(result.reason instanceof KeymountError, String(result.reason));
      return formatError(result.reason);
    },
    close: () => cloud.close(),
  };
  return lab;
}
