import assert from 'node:assert/strict';
import { KeymountError } from '../../../provider/errors.ts';
import { Breaker } from '../../../provider/net/breaker.ts';
import type { Outcome } from '../../../provider/net/request.ts';
import { TurnedClock } from './turned-clock.ts';

export const gone: Outcome = { failure: new KeymountError('backend-unreachable', 'gone'), transient: true };
export const untrusted: Outcome = { failure: new KeymountError('backend-untrusted', 'who is that'), transient: false };
export const unsent: Outcome = { failure: new KeymountError('class-invalid', 'no such request'), transient: false };
export const reply = (status: number, headers: Record<string, string> = {}, body = ''): Outcome => ({
  reply: { status, headers, body: Buffer.from(body) },
});

/** A request at the breaker: `sent` with `end` to answer it, `answered` from memory, or still `waiting`. */
export interface Asked {
  state: 'waiting' | 'sent' | 'answered';
  answer?: Outcome;
  end: (outcome: Outcome | undefined) => void;
  leave: () => void;
}

export function breakerWorld(random = 0.5) {
  const clock = new TurnedClock();
  const breaker = new Breaker({ clock, random: () => random });
  /** A request comes. */
  async function ask(lane?: string): Promise<Asked> {
    const abort = new AbortController();
    const asked: Asked = { state: 'waiting', end: () => assert.fail('it was not sent'), leave: () => abort.abort() };
    void breaker.admit(abort.signal, lane).then((admission) => {
      if ('answer' in admission) Object.assign(asked, { state: 'answered', answer: admission.answer });
      else Object.assign(asked, { state: 'sent', end: admission.done });
    });
    await clock.settle();
    return asked;
  }
  async function askMany(count: number): Promise<Asked[]> {
    return await Promise.all(Array.from({ length: count }, () => ask()));
  }
  /** Requests that are sent and answered at once. */
  async function send(...outcomes: Outcome[]): Promise<void> {
    for (const outcome of outcomes) (await ask()).end(outcome);
    await clock.settle();
  }
  /** The server has been away for longer than requests wait. Returns the time of the next probe. */
  async function awayForLong(): Promise<void> {
    await send(gone, gone, gone, gone, gone);
    for (let probe = 0; probe < 6; probe++) {
      await clock.turn(500);
      await send(gone);
    }
    assert.deepEqual(breaker.state(), { open: true, failures: 11 });
  }
  return { clock, breaker, ask, askMany, send, awayForLong };
}

export const states = (asked: readonly Asked[]) =>
  Object.fromEntries([...Map.groupBy(asked, ({ state }) => state)].map(([state, all]) => [state, all.length]));
export const codeOf = (asked: Asked) =>
  asked.answer !== undefined && 'failure' in asked.answer ? asked.answer.failure.code : asked.answer?.reply.status;
