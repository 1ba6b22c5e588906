import type { Wish } from '../sessions/sessions.ts';
import type { Times } from './outlook.ts';
import { type LeaseStore, type Storable, toLives, toRecord } from './record.ts';
import type { Tenant } from './tenant.ts';

/** What a record has besides its tenant. */
export type Recorded = Pick<Wish, 'source' | 'caller'>;

export interface SavingDeps {
  readonly state: LeaseStore;
  readonly times: () => Times;
  /** Another process has the state from now on: nothing is written any more. */
  readonly closed: AbortSignal;
  /** It could not be written, and a crash would lose it. The pod still gets its secrets. */
  readonly onFailed: (podUid: string) => void;
  readonly onNotRemoved: (thrown: unknown) => void;
}

/** Writes tenants down: whole when something is added to them, and their lives alone when those go on. */
export class Saving {
  readonly #deps: SavingDeps;
  readonly #recorded = new WeakMap<object, Recorded>();
  /** How often each was written whole; lives belong to one of those. */
  readonly #saves = new WeakMap<object, number>();
  readonly #unsaved = new WeakSet<object>();

  constructor(deps: SavingDeps) {
    this.#deps = deps;
  }

  /** `saves`: of what another process wrote. */
  know(tenant: object, recorded: Recorded, saves = 0): void {
    this.#recorded.set(tenant, recorded);
    this.#saves.set(tenant, saves);
  }

  /** A crash after this loses nothing. */
  async save(tenant: Storable & { readonly podUid: string }): Promise<void> {
    const recorded = this.#recorded.get(tenant);
    const { state, times, closed } = this.#deps;
    if (recorded === undefined || closed.aborted) return;
    const saves = (this.#saves.get(tenant) ?? 0) + 1;
    this.#saves.set(tenant, saves);
    await this.#write(tenant, () => state.save(tenant.id, toRecord(tenant, recorded, times(), saves)));
  }

  /** The lives have changed and nothing else. */
  async saveLives(tenant: Tenant): Promise<void> {
    const { state, times, closed } = this.#deps;
    if (closed.aborted || !this.#recorded.has(tenant)) return;
    if (this.#unsaved.has(tenant)) return await this.save(tenant);
    const saves = this.#saves.get(tenant) ?? 0;
    await this.#write(tenant, () => state.saveLives(tenant.id, toLives(tenant, times(), saves)));
  }

  /** A record that stays is found by the next process, which proves that its pod is gone and ends what is in it. */
  async remove(id: string): Promise<void> {
    if (this.#deps.closed.aborted) return;
    await this.#deps.state.remove(id).catch(this.#deps.onNotRemoved);
  }

  async #write(tenant: { readonly podUid: string }, write: () => Promise<void>): Promise<void> {
    try {
      await write();
      this.#unsaved.delete(tenant);
    } catch {
      this.#unsaved.add(tenant);
      this.#deps.onFailed(tenant.podUid);
    }
  }
}
