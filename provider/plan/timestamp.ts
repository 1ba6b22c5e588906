const form =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})([.,]\d+)?(Z|[-+]\d{2}:\d{2})| (\d{1,2}):(\d{1,2}):(\d{1,2})([.,]\d+)?)?$/;

/**
 * A plain YAML scalar that yaml.v3 takes for a time (`2026-1-2`, `2026-01-02 3:04:05`, RFC 3339), as Go writes that time in JSON:
 * RFC 3339 with as many digits of the second as needed. Undefined for anything else, and for dates that do not exist.
 */
export function toGoTimestamp(text: string): string | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, year = '', month = '', day = ''] = match;
  const [hour, minute, second] = [
    match[4] ?? match[9] ?? '0',
    match[5] ?? match[10] ?? '0',
    match[6] ?? match[11] ?? '0',
  ];
  const zone = match[8] ?? 'Z';
  const lastDay = new Date(Date.UTC(2000 + (Number(year) % 400), Number(month), 0)).getUTCDate();
  const exists =
    inRange(month, 1, 12) &&
    inRange(day, 1, lastDay) &&
    inRange(hour, 0, 23) &&
    inRange(minute, 0, 59) &&
    inRange(second, 0, 59) &&
    (zone === 'Z' || (inRange(zone.slice(1, 3), 0, 23) && inRange(zone.slice(4), 0, 59)));
  if (!exists) return undefined;
  const fraction = (match[7] ?? match[12] ?? '').slice(1, 10).replace(/0+$/, '');
  const two = (digits: string) => digits.padStart(2, '0');
  const time = `${two(hour)}:${two(minute)}:${two(second)}${fraction === '' ? '' : `.${fraction}`}`;
  return `${year}-${two(month)}-${two(day)}T${time}${/^[-+]00:00$/.test(zone) ? 'Z' : zone}`;
}

function inRange(digits: string, least: number, most: number): boolean {
  return Number(digits) >= least && Number(digits) <= most;
}
