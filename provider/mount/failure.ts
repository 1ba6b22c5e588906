import { formatError, formatPlace, KeymountError, oneLine } from '../errors.ts';

/** The driver puts two prefixes before it, and an event holds 1 kB. */
const longest = 1000;

/** Between the failures of a Mount, and between the mistakes of a class. */
const separator = ' | ';

/** Several failures in one, its message already whole. */
class CombinedFailure extends KeymountError {}

/**
 * All that failed in one Mount as one error: the first in full, of the others `place: code`. The same failures always give the
 * same text, so that Kubernetes folds the events.
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
  return new CombinedFailure(first.code, [formatError(first), ...new Set(others)].join(separator), { cause: first });
}

/** The text of a status: one line below 1 kB, of several failures or mistakes as many as fit, then `+N more`. */
export function failureText(error: KeymountError): string {
  const code = error instanceof CombinedFailure ? '' : ` [${error.code}]`;
  const text = oneLine(error instanceof CombinedFailure ? error.message : formatError(error));
  return Buffer.byteLength(text) <= longest ? text : fit(text.split(separator), code);
}

function fit([first = '', ...others]: readonly string[], code: string): string {
  const ending = (left: number) => (left === 0 ? code : `${separator}+${left} more${code}`);
  const counted = Number(/^\+(\d+) more/.exec(others.at(-1) ?? '')?.[1] ?? 1) - 1;
  let left = others.length + counted;
  let text = truncate(first, longest - Buffer.byteLength(ending(left)));
  for (const other of others) {
    const longer = `${text}${separator}${other}`;
    if (Buffer.byteLength(longer) + Buffer.byteLength(ending(left - 1)) > longest) break;
    text = longer;
    left--;
  }
  return text + ending(left);
}

function truncate(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const cut = Buffer.from(text)
    .subarray(0, bytes - 3)
    .toString();
  // A character cut in half becomes U+FFFD.
  return `${cut.replace(/\ufffd+$/, '')}…`;
}

function byPlace(a: KeymountError, b: KeymountError): number {
  return (a.at?.path ?? '').localeCompare(b.at?.path ?? '', 'en', { numeric: true });
}
