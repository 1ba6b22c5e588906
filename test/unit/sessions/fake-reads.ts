import { KeymountError } from '../../../provider/errors.ts';
import type { Source } from '../../../provider/plan/plan.ts';
import type { Caller } from '../../../provider/sessions/caller.ts';
import type { Connections } from '../../../provider/sessions/connections.ts';
import { type ReadOutcome, Reads } from '../../../provider/sessions/reads.ts';
import { Secrets } from '../../../provider/sessions/secrets.ts';
import { createUnkept } from '../../../provider/sessions/unkept.ts';
import { callerOf, denied, FakeStore, HandClock, sessionsOf } from './fake-store.ts';

export const never = new AbortController().signal;

/** Reads through sessions of a fake store, by the hand clock. */
export function readingWorld() {
  const store = new FakeStore();
  const clock = new HandClock();
  const secrets = new Secrets();
  const sessions = sessionsOf(clock, { onEnd: (held) => secrets.purgeAll(held) });
  const connections = { resolve: async () => store.connection } as unknown as Connections;
  const reads = new Reads({ connections, sessions, secrets, keeper: createUnkept(), clock, refreshInterval: 60_000 });
  const pod = callerOf();
  /** One Mount: what became of each source, an error as its code. */
  const mount = async (sources: readonly Source[], caller: Caller = pod, signal = never) =>
    (await reads.readAll(caller, sources, signal)).map(told);
  return { store, clock, secrets, sessions, reads, mount };
}

export const told = (outcome: ReadOutcome) => ('error' in outcome ? outcome.error.code : outcome.from);

/** An answer of the store. */
export const fails = (code: KeymountError['code']) => () => {
  throw new KeymountError(code, `it is ${code}`);
};

export const denyAll = (address: string) => {
  throw denied(address);
};

/** A ServiceAccount's pods share its session here, for addresses below `kv/`. */
export function sharingWorld() {
  const all = readingWorld();
  all.store.scope = 'serviceAccount';
  all.store.accountOf = ({ identity }) => identity.serviceAccountUid;
  all.store.shareable = (address) => address.startsWith('kv/');
  return all;
}
