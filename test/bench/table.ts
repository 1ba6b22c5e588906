import type { Figures } from './scenario.ts';

/** The median of each figure over several runs of one contestant. */
export function medians(runs: Figures[]): Figures {
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(runs.map((run) => run[name] ?? Number.NaN))]));
}

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

/**
 * A markdown table: a row for each figure, a column for each contestant, and the ratio of the first to the second where
 * both have the figure and the second's is not 0.
 */
export function table(columns: [name: string, figures: Figures][]): string {
  const [first, second] = columns;
  const names = [...new Set(columns.flatMap(([, figures]) => Object.keys(figures)))];
  const head = ['', ...columns.map(([name]) => name), ...(second ? [`${first?.[0]} / ${second[0]}`] : [])];
  const rows = names.map((name) => {
    const values = columns.map(([, figures]) => figures[name]);
    return [name, ...values.map(text), ...(second ? [ratio(values[0], values[1])] : [])];
  });
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function ratio(first: number | undefined, second: number | undefined): string {
  return first === undefined || !second ? '' : (first / second).toFixed(2);
}

/** Three digits or all whole ones. */
function text(value: number | undefined): string {
  if (value === undefined) return '';
  if (Number.isInteger(value)) return String(value);
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}
