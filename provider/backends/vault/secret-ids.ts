import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../util/clock.ts';
import type { SecretString } from '../../util/secret-string.ts';
import type { BackendDeps, Login } from '../backend.ts';
import type { VaultConnection } from './connection.ts';

/** Kept at most; kubelet runs some hundred pods on a node. */
const mostPods = 1_000;
/** Secret ids of one pod. The oldest go: a pod's own Secrets cannot push out those of others. */
const mostOfPod = 16;
/** Milliseconds without a login after which a pod counts for gone where nobody tells of its end. */
const unusedFor = 7 * 86_400_000;
/** Milliseconds for opening a wrapping token, whoever still waits: as long as a Mount may take. */
const patience = 110_000;

/** Who shows a wrapping token where. */
export interface Wrapped {
  readonly connection: VaultConnection;
  /** Of AppRole. */
  readonly mount: string;
  readonly login: Login;
  readonly token: string;
}

interface Pod {
  readonly uid: string;
  readonly ids: Map<string, SecretString>;
}

/**
 * The secret ids that came wrapped. A wrapping token opens once, but its pod must be able to log in again when its session ends. By
 * then the token proves nothing to the server, so a secret id is given back only
 *
 * - to the same pod: the proven one, or where nothing is proven the one that the driver names, with the very same Secret of
 *   `nodePublishSecretRef`. What a proven pod opened is never given to one that is not proven, and nobody gets anything who shows a
 *   valid token of somebody else;
 * - for the same place: it is sent to the server and mount alone that opened it, over connections that are made alike.
 *
 * Forgotten with the pod, and with the process.
 */
export class SecretIds {
  readonly #pods: LRUCache<string, Pod>;
  readonly #opening = new Map<string, Promise<SecretString>>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#pods = new LRUCache({ max: mostPods, ttl: unusedFor, updateAgeOnGet: true, ttlResolution: 0, perf: clock });
  }

  /** Pods of which something is kept. */
  get size(): number {
    return this.#pods.size;
  }

  /**
   * The secret id in a wrapping token: `open` is called at most once at a time for one pod and token, and goes on when `signal`
   * aborts, for what it brings cannot be had again. Rejects with the signal's reason, and with what `open` throws.
   */
  async get(
    wrapped: Wrapped,
    open: (signal: AbortSignal) => Promise<SecretString>,
    signal: AbortSignal,
  ): Promise<SecretString> {
    const { identity } = wrapped.login;
    if (identity.mismatch) return await open(signal);
    const key = keyOf(wrapped, identity.proven);
    const known = this.#recall(wrapped, key);
    if (known !== undefined) return known;
    let opening = this.#opening.get(key);
    if (opening === undefined) {
      opening = open(AbortSignal.timeout(patience)).then((secretId) => {
        this.#keep(wrapped, key, secretId);
        return secretId;
      });
      this.#opening.set(key, opening);
      const ended = () => this.#opening.delete(key);
      opening.then(ended, ended);
    }
    return await unlessAborted(opening, signal);
  }

  forgetPod(podUid: string): void {
    for (const [key, { uid }] of [...this.#pods.entries()]) if (uid === podUid) this.#pods.delete(key);
  }

  /** What a pod opened before it could be proven is still its own: it shows the same token, and could have opened it now. */
  #recall(wrapped: Wrapped, key: string): SecretString | undefined {
    const { identity } = wrapped.login;
    const own = this.#pods.get(podKey(wrapped, identity.proven))?.ids.get(key);
    if (own !== undefined || !identity.proven) return own;
    return this.#pods.get(podKey(wrapped, false))?.ids.get(keyOf(wrapped, false));
  }

  #keep(wrapped: Wrapped, key: string, secretId: SecretString): void {
    const { identity, untilPodEnds } = wrapped.login;
    const name = podKey(wrapped, identity.proven);
    this.#pods.purgeStale();
    const pod = this.#pods.get(name) ?? { uid: identity.podUid, ids: new Map<string, SecretString>() };
    const [oldest] = pod.ids.keys();
    if (pod.ids.size >= mostOfPod && oldest !== undefined) pod.ids.delete(oldest);
    pod.ids.set(key, secretId);
    this.#pods.set(name, pod);
    untilPodEnds?.();
  }
}

/** Those of a process belong to its dependencies: nothing is shared with another. */
const ofDeps = new WeakMap<BackendDeps, SecretIds>();

export function secretIdsOf(deps: BackendDeps): SecretIds {
  const secretIds = ofDeps.get(deps) ?? new SecretIds(deps.clock);
  ofDeps.set(deps, secretIds);
  return secretIds;
}

/** As long as a pod is not proven, what it is goes by the driver's word, and by all that it shows. */
function podKey({ login: { identity, publishSecrets } }: Wrapped, proven: boolean): string {
  const { namespace, serviceAccount, serviceAccountUid, pod, podUid } = identity;
  const names = [namespace, serviceAccount, pod, podUid];
  if (proven) return digest(['proven', ...names, serviceAccountUid]);
  return digest(['claimed', ...names, [...publishSecrets.values()].map((value) => value.reveal()).sort()]);
}

/** Two connections are one place if they lead to the same server, and make sure of it in the same way. */
function keyOf(wrapped: Wrapped, proven: boolean): string {
  const { address, namespace, tls, proxy, guarded } = wrapped.connection;
  const place = [address, namespace ?? null, tls, proxy ?? null, guarded, wrapped.mount];
  return digest([podKey(wrapped, proven), place, wrapped.token]);
}

function digest(parts: readonly unknown[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64');
}

function unlessAborted<Result>(result: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    result.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
