import type { BaoApi } from '../../lab/openbao-api.ts';

/** Writes `secret/bench/pod<pod>/o<object>` with a `password` of 40 characters for every pod and object. */
export async function seedOwnSecrets(bao: BaoApi, pods: number, objects: number): Promise<void> {
  for (let pod = 0; pod < pods; pod += 1) {
    const names = Array.from({ length: objects }, (_, object) => `bench/pod${pod}/o${object}`);
    await Promise.all(names.map((name) => bao.putKv2(name, { password: name.padEnd(40, 'x'), user: 'app' })));
  }
}
