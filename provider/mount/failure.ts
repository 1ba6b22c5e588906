import { formatError, formatPlace, KeymountError } from '../errors.ts';

/** The driver puts two prefixes before it, and an event holds 1 kB. */
const longest = 1000;

/**
 * All that failed in one Mount as one error: the first in full, of the others `place: code` while they fit, then `+N more`.
 * The same failures always give the same text, so that Kubernetes folds the events.
 */
export function combineFailures(failures: readonly KeymountError[]): KeymountError {
  // A login that failed is one failure, however many objects wait behind it.
  const distinct = [...new Set(failures)].sort(byPlace);
  const first = distinct[0];
  if (first === undefined) throw new Error('no failure to combine');
  if (distinct.length === 1) return first;
  const others = distinct
    .slice(1)
    .map((error) => `${error.at === undefined ? '' : `${formatPlace(error.at)}: `}${error.code}`);
  return new KeymountError(first.code, fit(formatError(first), others), { cause: first });
}

/** The text of a status: a combined failure is already whole. */
export function failureText(error: KeymountError): string {
  const text = error.cause instanceof KeymountError ? error.message : formatError(error);
  return truncate(text, longest);
}

function fit(head: string, others: readonly string[]): string {
  let text = truncate(head, longest - 200);
  for (const [index, other] of others.entries()) {
    const left = others.length - index;
    const longer = `${text} | ${other}`;
    if (Buffer.byteLength(longer) + 12 > longest) return `${text} | +${left} more`;
    text = longer;
  }
  return text;
}

function truncate(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const cut = Buffer.from(text)
    .subarray(0, bytes - 4)
    .toString();
  // A character cut in half becomes U+FFFD.
  return `${cut.replace(/\ufffd+$/, '')}…`;
}

function byPlace(a: KeymountError, b: KeymountError): number {
  return (a.at?.path ?? '').localeCompare(b.at?.path ?? '', 'en', { numeric: true });
}
