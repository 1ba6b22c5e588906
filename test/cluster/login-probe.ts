import { setTimeout as sleep } from 'node:timers/promises';
import { type CredentialCluster, mounted } from './credential-cluster.ts';

/** A credential that a pod's file held, from then on (milliseconds since 1970) until the next one. */
export interface Held {
  readonly user: string;
  readonly password: string;
  readonly from: number;
}

export interface Probe {
  /** One after another. */
  readonly held: readonly Held[];
  readonly looks: number;
  /** User and time of each login that was refused. */
  readonly failures: readonly string[];
}

/** Every 200 ms for so many seconds: reads the pod's file and logs in to PostgreSQL with what is in it. */
export async function probeLogins(lab: CredentialCluster, pod: string, seconds: number): Promise<Probe> {
  const start = Date.now();
  const held: Held[] = [];
  const failures: string[] = [];
  let text = '';
  let looks = 0;
  for (let next = start; next < start + seconds * 1000; next += 200) {
    await sleep(Math.max(0, next - Date.now()));
    const now = await lab.read(pod, `${mounted}/credential`);
    if (now !== text) held.push({ ...credentialIn(now), from: Date.now() });
    text = now;
    const { user, password } = credentialIn(now);
    looks++;
    if (!(await lab.postgres.canLogIn(user, password))) {
      failures.push(`${user} after ${(Date.now() - start) / 1000} s`);
    }
  }
  return { held, looks, failures };
}

/** User and password in a whole reply of `database/creds/…`. */
export function credentialIn(reply: string): { user: string; password: string } {
  const { data } = JSON.parse(reply) as { data: { username: string; password: string } };
  return { user: data.username, password: data.password };
}
