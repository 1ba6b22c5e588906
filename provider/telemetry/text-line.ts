/** One event as a line for people: `2026-11-25T13:01:43.000Z warn  mount dialect=vault code=login-denied`. */
export function textLine(fields: Readonly<Record<string, unknown>>): string {
  const { time, level, event, ...rest } = fields;
  const pairs = Object.entries(rest).flatMap(([name, value]) => pair(name, value));
  return [String(time), String(level).padEnd(5), shown(event), ...pairs].join(' ');
}

function pair(name: string, value: unknown): string[] {
  if (value === undefined) return [];
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([inner, each]) => pair(`${name}.${inner}`, each));
  }
  return [`${plain(name) ? name : quoted(name)}=${shown(value)}`];
}

function shown(value: unknown): string {
  if (typeof value === 'string') return plain(value) ? value : quoted(value);
  return typeof value === 'object' ? quoted(value) : String(value);
}

function plain(text: string): boolean {
  return /^[\w./:@*+%,~-]+$/.test(text);
}

/** JSON, with what a terminal might act on escaped as well. */
function quoted(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
