import type { KeymountError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { Semaphore } from '../util/semaphore.ts';
import type { LeaseEvent } from './lease-event.ts';
import { revocationsAtOnce, revokeTenant } from './revoke.ts';
import type { Tenant } from './tenant.ts';

export interface RevocationsDeps {
  readonly clock: Clock;
  readonly wall: () => number;
  readonly random: () => number;
  readonly report: (event: LeaseEvent) => void;
  /** The record without its secrets is enough from now on. */
  readonly save: (tenant: Tenant) => Promise<void>;
  /** Aborts when the process stops. */
  readonly stop: AbortSignal;
}

/** Tokens of pods that are gone, while they are being ended. */
export class Revocations {
  readonly #deps: RevocationsDeps;
  readonly #running = new Set<Tenant>();
  readonly #turns = new Semaphore(revocationsAtOnce);

  constructor(deps: RevocationsDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#running.size;
  }

  has(tenant: Tenant): boolean {
    return this.#running.has(tenant);
  }

  /** False: the process stops first, and the next one goes on with the record. */
  async run(tenant: Tenant): Promise<boolean> {
    const { report, save, ...deps } = this.#deps;
    const { podUid } = tenant;
    this.#running.add(tenant);
    const outcome = await revokeTenant(tenant, {
      ...deps,
      turns: this.#turns,
      onFirstFailed: () => save(tenant),
      onFailed: (error: KeymountError) => report({ event: 'revocation-failed', podUid, error }),
    });
    this.#running.delete(tenant);
    if (outcome === 'revoked') report({ event: 'revoked', podUid });
    if (outcome === 'given-up') report({ event: 'revocation-given-up', podUid });
    return outcome !== 'stopped';
  }
}
