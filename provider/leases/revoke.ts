import { KeymountError, toKeymountError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import type { Semaphore } from '../util/semaphore.ts';
import type { Tenant } from './tenant.ts';

/** Milliseconds between tries, doubled each time. */
const firstRetry = 1_000;
const longestRetry = 60_000;
/** So many tries make a round, of about seven minutes. */
const tries = 12;
/**
 * So many rounds, or refusals, at a server that a class alone chose: it may go on refusing for ever, and for each pod that was there.
 * Half an hour; a server of people is back by then.
 */
const strangersRounds = 3;
/** Milliseconds between rounds, and after a refusal, which does not change within seconds. */
const rest = 600_000;
/** Many pods may end at once, and other pods want something of the same servers meanwhile. */
export const revocationsAtOnce = 4;
/**
 * Milliseconds for which a revocation keeps its turn at least. OpenBao and Vault answer at once and end the leases afterwards: 250
 * at once would make the credentials of new pods wait behind them, for longer than a Mount may take.
 */
const pace = 400;
/** Milliseconds for one try. */
const timeout = 20_000;

const tooLate = 'the token ended before the pod, so its certificates cannot be revoked';

export interface RevokeDeps {
  readonly clock: Clock;
  readonly random: () => number;
  /** The machine's clock, by which what is taken back ends. */
  readonly wall: () => number;
  /** For each try. */
  readonly turns: Semaphore;
  /** A round of tries failed; the next one begins in ten minutes. */
  readonly onFailed: (error: KeymountError) => void;
  /** It takes longer than a moment. */
  readonly onFirstFailed: () => Promise<void>;
  /** Aborts when the process stops: the next one goes on. */
  readonly stop: AbortSignal;
}

/**
 * Ends a token with everything that was issued through it, and does not give up until that is done or the token has ended by
 * itself. `revoked` also where the backend does not know the token any more; `given-up`: the server is of a class's choice and
 * refused too often; `stopped`: none of these.
 */
export async function revokeTenant(
  tenant: Tenant,
  deps: RevokeDeps,
): Promise<'revoked' | 'ended' | 'given-up' | 'stopped'> {
  const { clock, random, onFailed, stop } = deps;
  let rounds = 0;
  for (let tried = 1; !stop.aborted; tried++) {
    if (tenant.lost || tenant.token.end <= clock.now()) {
      tenant.debts.tidy(deps.wall());
      if (tenant.debts.size > 0) onFailed(new KeymountError('lease-lost', tooLate));
      return 'ended';
    }
    const error = (await settleDebts(tenant, tried % tries === 0, deps)) ?? (await tryRevoke(tenant, deps));
    if (error === undefined) return 'revoked';
    if (stop.aborted) break;
    const isRoundOver = !error.retryable || tried % tries === 0;
    if (isRoundOver) onFailed(error);
    if (isRoundOver && ++rounds >= strangersRounds && tenant.isStrangers) return 'given-up';
    if (tried === 1) await deps.onFirstFailed();
    const pause = isRoundOver ? rest : Math.min(longestRetry, firstRetry * 2 ** ((tried % tries) - 1));
    const left = Math.max(0, tenant.token.end - clock.now());
    await clock.sleep(Math.min(pause * (0.5 + random()), left), stop).catch(() => {});
  }
  return 'stopped';
}

/**
 * First what does not end with the token, for only the token can take it back. The error of what may go better at the next try;
 * what was refused, or failed for a whole round, is told and given up: the token must not wait for it.
 */
async function settleDebts(
  { debts, tenure }: Tenant,
  isLast: boolean,
  { wall, turns, onFailed, stop }: RevokeDeps,
): Promise<KeymountError | undefined> {
  debts.tidy(wall());
  for (const debt of debts) {
    try {
      const limit = AbortSignal.any([AbortSignal.timeout(timeout), stop]);
      await turns.run(async () => await tenure.takeBack?.(debt.what, limit), stop);
    } catch (thrown) {
      const error = toKeymountError(thrown);
      if (stop.aborted || (isRetryable(error) && !isLast)) return error;
      onFailed(error);
    }
    debts.settle(debt);
  }
  return undefined;
}

/** A token that is gone does not come back. */
function isRetryable({ code, retryable }: KeymountError): boolean {
  return retryable && code !== 'lease-lost';
}

async function tryRevoke(tenant: Tenant, { clock, turns, stop }: RevokeDeps): Promise<KeymountError | undefined> {
  try {
    await turns.run(async () => {
      const pause = clock.sleep(pace, stop).catch(() => {});
      await tenant.tenure.revoke(AbortSignal.any([AbortSignal.timeout(timeout), stop]));
      await pause;
    }, stop);
    return undefined;
  } catch (thrown) {
    const error = toKeymountError(thrown);
    return error.code === 'lease-lost' ? undefined : error;
  }
}
