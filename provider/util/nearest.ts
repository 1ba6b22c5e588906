/** Longer names are not compared: the cost is the product of both lengths, and nobody misspells a name of this length. */
const longest = 100;

/**
 * The valid name that a misspelled one most likely means, or undefined if none is near: a known mistake first, then the smallest
 * edit distance without regard to case, at most a third of the longer name and never above 3. The first of equals wins.
 *
 * `mistakes` maps what people write to the valid name, for names that no distance connects.
 */
export function nearest(
  name: string,
  valid: readonly string[],
  mistakes: Readonly<Record<string, string>> = {},
): string | undefined {
  if (name.length > longest) return undefined;
  const folded = name.toLowerCase();
  const known = Object.entries(mistakes).find(([mistake]) => mistake.toLowerCase() === folded);
  if (known !== undefined) return known[1];

  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of valid) {
    const limit = Math.min(3, Math.floor(Math.max(name.length, candidate.length) / 3));
    if (Math.abs(name.length - candidate.length) > limit) continue;
    const distance = editDistance(folded, candidate.toLowerCase());
    if (distance <= limit && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `; did you mean NAME?`, or nothing: the end of a message about an unknown name. */
export function didYouMean(
  name: string,
  valid: readonly string[],
  mistakes: Readonly<Record<string, string>> = {},
): string {
  const near = nearest(name, valid, mistakes);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/** Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b`. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(at(last, j) + 1, at(row, j - 1) + 1, replaced);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, at(beforeLast, j - 2) + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
