import type { BaoApi } from '../../lab/openbao-api.ts';
import type { Workload } from '../scenario.ts';

/** Pods of OpenBao, each with its own ServiceAccount and the KV v2 objects that `seedOwnSecrets` writes for it. */
export function ownSecrets(pods: number, objects: number): Workload {
  return {
    pods,
    objects,
    parameters: { vaultAuthMountPath: 'jwt', roleName: 'bench' },
    object: `- objectName: "o{{.Object}}"
  secretPath: "secret/data/bench/pod{{.Index}}/o{{.Object}}"
  secretKey: "password"`,
  };
}

/** Writes `secret/bench/pod<pod>/o<object>` with a `password` of 40 characters for every pod and object. */
export async function seedOwnSecrets(bao: BaoApi, pods: number, objects: number): Promise<void> {
  for (let pod = 0; pod < pods; pod += 1) {
    const names = Array.from({ length: objects }, (_, object) => `bench/pod${pod}/o${object}`);
    await Promise.all(names.map((name) => bao.putKv2(name, { password: name.padEnd(40, 'x'), user: 'app' })));
  }
}
