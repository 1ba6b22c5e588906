import { KeymountError, toKeymountError } from '../errors.ts';
import type { CachedSecret } from '../sessions/secrets.ts';
import { sessionKeys } from '../sessions/session-key.ts';
import type { Wish } from '../sessions/sessions.ts';
import { type Asker, checkAllowance, exceeded, type KeptFor } from './allowance.ts';
import { hasAll, keptSize, toKeep } from './kept-secret.ts';
import type { LeaseLimits } from './limits.ts';
import type { LeaseStore } from './record.ts';
import type { Leased, Tenant } from './tenant.ts';

/**
 * Milliseconds for which nothing more is asked of a source whose answer was too much to keep: kubelet repeats a failed Mount within
 * seconds, and each time something would be issued.
 */
const refusedFor = 600_000;
/** Sources that are remembered so, for each token. */
const mostRefused = 200;

/** Whether something more may be kept, and how much of it. */
export class Admission {
  readonly #limits: LeaseLimits;
  readonly #state: LeaseStore;
  readonly #tenants: () => Iterable<Tenant>;

  constructor(limits: LeaseLimits, state: LeaseStore, tenants: () => Iterable<Tenant>) {
    this.#limits = limits;
    this.#state = state;
    this.#tenants = tenants;
  }

  /** Before something is issued. Throws `too-many-credentials`. */
  check(tenant: Tenant | undefined, wish: Wish, now: number): void {
    const { key, selectedKeys } = wish.source;
    const leased = tenant?.leased.get(key);
    // What is there is served, or takes the place of itself.
    if (leased !== undefined && hasAll(leased.keys, selectedKeys)) return;
    const refused = tenant?.refused.get(key);
    if (refused !== undefined && refused.until > now) throw refused.error;
    checkAllowance(this.#kept(tenant, wish), askerOf(wish), 0, this.#limits);
    const { files, bytes } = this.#state.usage();
    const { directory } = this.#limits;
    if (files >= directory.files) throw exceeded('directory', `${directory.files} files`);
    if (bytes >= directory.bytes) throw exceeded('directory', `${directory.bytes} bytes`);
  }

  /** What is kept of something that was issued. Throws `too-many-credentials`, and remembers that. */
  admit(
    tenant: Tenant,
    wish: Wish,
    cached: CachedSecret,
    now: number,
  ): Pick<Leased, 'cached' | 'keys' | 'bytes' | 'volume'> {
    const { key, selectedKeys } = wish.source;
    const before = tenant.leased.get(key)?.keys;
    const wanted =
      before === undefined || selectedKeys === undefined ? selectedKeys : [...new Set([...before, ...selectedKeys])];
    const { secret, keys } = toKeep(cached.secret, wanted);
    const bytes = keptSize(secret);
    try {
      checkAllowance(this.#kept(tenant, wish), askerOf(wish), bytes, this.#limits);
    } catch (thrown) {
      const error = toKeymountError(thrown);
      if (tenant.refused.size >= mostRefused) tenant.refused.clear();
      tenant.refused.set(key, { error, until: now + refusedFor });
      throw error;
    }
    tenant.refused.delete(key);
    return { cached: { ...cached, secret }, keys, bytes, volume: wish.caller.volume };
  }

  /**
   * All that is kept, tokens included, but for the source itself. An earlier token of the same pod and login goes when the new one
   * comes, so what it has counts for the namespace and the node alone.
   */
  *#kept(current: Tenant | undefined, { connection, source, caller }: Wish): Iterable<KeptFor> {
    const { login } = sessionKeys(connection, source, caller);
    for (const tenant of this.#tenants()) {
      const { namespace, leased, replaced, loginKey } = tenant;
      const isEarlier = tenant !== current && loginKey === login && tenant.podUid === caller.identity.podUid;
      const podUid = replaced || isEarlier ? '' : tenant.podUid;
      yield { volume: '', podUid, namespace, bytes: perToken };
      for (const [key, { volume, bytes }] of leased) {
        if (tenant !== current || key !== source.key) yield { volume, podUid, namespace, bytes };
      }
    }
  }
}

/** A token with what is known of it. Its length is bounded where it is read. */
const perToken = 2_048;

function askerOf({ caller: { identity, volume } }: Wish): Asker {
  return { volume, podUid: identity.podUid, namespace: identity.namespace };
}

/** Another process keeps what there is: what this one had issued nobody would save. */
export function handedOver(): KeymountError {
  return new KeymountError('shutting-down', 'another keymount took over what is in keeping');
}
