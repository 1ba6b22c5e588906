import type { Held } from './sessions.ts';

/** Class authors choose what is asked for, so the oldest refusals go; one that is forgotten costs a login. */
const mostDenied = 1_000;

export function rememberDenied({ denied }: Held, sourceKey: string): void {
  const [oldest] = denied;
  if (denied.size >= mostDenied && oldest !== undefined) denied.delete(oldest);
  denied.add(sourceKey);
}
