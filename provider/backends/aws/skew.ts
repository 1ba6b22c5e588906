import type { Outcome, Reply } from '../../net/request.ts';
import { faultOf } from './fault.ts';

/**
 * How far this machine's clock is from that of AWS, as its refusals tell: a signature counts for five minutes
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html). The SDKs correct it as well.
 */
export class Skew {
  /** Milliseconds to add to this machine's clock. */
  ms = 0;

  /** Was a request that was signed at `signedAt` refused for its time? Then the next one is signed with the service's. */
  learn(outcome: Outcome, signedAt: number, now: number): boolean {
    if (!('reply' in outcome) || outcome.reply.status < 400 || outcome.reply.status >= 500) return false;
    const theirs = dateOf(outcome.reply);
    if (theirs === undefined || Math.abs(theirs - signedAt) < tolerated) return false;
    if (!clockFaults.test(faultOf(outcome.reply).code)) return false;
    this.ms = theirs - now;
    return true;
  }
}

/** Milliseconds. A little less than AWS tolerates, as Date is in whole seconds and took its way. */
export const tolerated = 290_000;

/** What services call it; a wrong signature and a wrong time have one name in most (smithy, service-error-classification). */
const clockFaults =
  /^(?:AuthFailure|InvalidSignatureException|RequestExpired|RequestInTheFuture|RequestTimeTooSkewed|SignatureDoesNotMatch)$/;

function dateOf({ headers }: Reply): number | undefined {
  const date = Date.parse(headers.date ?? '');
  return Number.isNaN(date) ? undefined : date;
}
