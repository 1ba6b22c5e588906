import { createHash, randomUUID } from 'node:crypto';

/** A pod as far as a provider sees it. */
export interface Pod {
  name: string;
  namespace: string;
  uid: string;
  serviceAccount: string;
  serviceAccountUid: string;
}

/** A pod of `shop/web` with a uid of its own; every part can be set. */
export function aPod(parts: Partial<Pod> = {}): Pod {
  const { namespace = 'shop', serviceAccount = 'web', uid = randomUUID() } = parts;
  return {
    name: `${serviceAccount}-${uid.slice(0, 5)}`,
    namespace,
    uid,
    serviceAccount,
    serviceAccountUid: serviceAccountUid(namespace, serviceAccount),
    ...parts,
  };
}

/** The uid that a ServiceAccount has unless a test gives it another. `fakekube` derives the same. */
export function serviceAccountUid(namespace: string, name: string): string {
  const hex = createHash('sha256').update(`${namespace}/${name}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
