/** What a text must be that `parseDuration` takes, for messages: `must be ${durationForm}`. */
export const durationForm = 'a duration like 10s, 1m30s, 500ms, 2h or 0';

const form = /^(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/;

/**
 * A duration in milliseconds: `2h`, `1m30s`, `500ms`, or a bare `0`. Units go from large to small, each at most once, whole
 * numbers only; a bare number has no unit and is refused. Undefined for anything else.
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = form.exec(text);
  if (match === null || text === '') return undefined;
  const [, hours, minutes, seconds, milliseconds] = match;
  return (
    Number(hours ?? 0) * 3_600_000 +
    Number(minutes ?? 0) * 60_000 +
    Number(seconds ?? 0) * 1000 +
    Number(milliseconds ?? 0)
  );
}

/** The shortest text that `parseDuration` reads as these milliseconds; fractions of a millisecond are rounded. */
export function formatDuration(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  const parts: readonly [number, string][] = [
    [Math.floor(whole / 3_600_000), 'h'],
    [Math.floor(whole / 60_000) % 60, 'm'],
    [Math.floor(whole / 1000) % 60, 's'],
    [whole % 1000, 'ms'],
  ];
  const text = parts.map(([count, unit]) => (count === 0 ? '' : `${count}${unit}`)).join('');
  return text === '' ? '0' : text;
}
