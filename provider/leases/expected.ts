import type { Held } from '../sessions/sessions.ts';

interface Expectation {
  /** Of the record. */
  readonly id: string;
  readonly saved: Promise<void>;
  waiting: number;
}

/**
 * Sessions through which something may be issued at this moment. Their tokens are stored before it is asked for: a process that is
 * killed before it has the answer leaves a credential that nobody has heard of, and only ending its token ends that.
 */
export class Expected {
  readonly #sessions = new Map<number, Expectation>();

  /** Returns when the record is stored; `save` is called by the first of those who wait. */
  async expect(held: Held, id: string, save: (id: string) => Promise<void>): Promise<void> {
    let expectation = this.#sessions.get(held.id);
    if (expectation === undefined) {
      expectation = { id, saved: save(id), waiting: 0 };
      this.#sessions.set(held.id, expectation);
    }
    expectation.waiting++;
    await expectation.saved;
  }

  /** Under which the session was stored. */
  idOf(held: Held): string | undefined {
    return this.#sessions.get(held.id)?.id;
  }

  /** One waits no longer. The id of the record when none does. */
  settle(held: Held): string | undefined {
    const expectation = this.#sessions.get(held.id);
    if (expectation === undefined || --expectation.waiting > 0) return undefined;
    this.#sessions.delete(held.id);
    return expectation.id;
  }
}
