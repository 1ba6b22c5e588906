import type { KeymountError } from '../errors.ts';
import type { Held } from './sessions.ts';

/** Class authors choose what is asked for, so the oldest refusals go; one that is forgotten costs a login. */
const mostDenied = 1_000;

export function rememberDenied({ denied }: Held, sourceKey: string): void {
  const [oldest] = denied;
  if (denied.size >= mostDenied && oldest !== undefined) denied.delete(oldest);
  denied.add(sourceKey);
}

const refusals: ReadonlySet<string> = new Set(['secret-denied', 'secret-missing', 'secret-deleted', 'login-denied']);

/** It says that there is nothing for this reader: what was read before must not be served any more. */
export function isRefusal({ code }: KeymountError): boolean {
  return refusals.has(code);
}
