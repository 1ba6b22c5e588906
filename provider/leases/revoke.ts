import { KeymountError, toKeymountError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import type { Tenant } from './tenant.ts';

/** Milliseconds between tries, doubled each time. */
const firstRetry = 1_000;
const longestRetry = 60_000;
const tries = 12;
/** Milliseconds for one try. */
const timeout = 20_000;

/**
 * Ends a token with everything that was issued through it. Tries again for about seven minutes, or until the token has ended by
 * itself. The error that is left, undefined when it is done: also where the backend does not know the token any more.
 */
export async function revokeTenant(
  tenant: Tenant,
  clock: Clock,
  random: () => number,
): Promise<KeymountError | undefined> {
  let failed: KeymountError | undefined;
  for (let tried = 0; tried < tries; tried++) {
    if (tried > 0) await clock.sleep(Math.min(longestRetry, firstRetry * 2 ** (tried - 1)) * (0.5 + random()));
    if (tenant.token.end <= clock.now()) return undefined;
    try {
      await tenant.tenure.revoke(AbortSignal.timeout(timeout));
      return undefined;
    } catch (thrown) {
      failed = toKeymountError(thrown);
      if (failed.code === 'lease-lost') return undefined;
    }
  }
  return failed ?? new KeymountError('internal', 'not revoked');
}
