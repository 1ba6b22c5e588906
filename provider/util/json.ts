/**
 * JSON in which numbers keep their digits: `12345678901234567890`, `1.0` and `1e5` are written as they were read. Numbers are
 * held as the raw JSON values of the language (`JSON.rawJSON`), so they are exact in and exact out.
 */

export type JsonValue = null | boolean | string | RawNumber | JsonValue[] | JsonObject;
export type JsonObject = { [key: string]: JsonValue };
/** A number by its digits. */
export interface RawNumber {
  readonly rawJSON: string;
}

/** Deeper JSON is refused before any recursive walk can overflow the stack. */
const deepest = 256;

// TypeScript's library does not describe the source text access of JSON yet (Node 24 has it).
const exact = JSON as unknown as {
  parse: (text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown) => JsonValue;
  rawJSON: (text: string) => RawNumber;
  isRawJSON: (value: unknown) => boolean;
};

/** Throws SyntaxError (whose text may quote the input: never show it) on anything that is not JSON, or deeper than 256 levels. */
export function parseJson(text: string): JsonValue {
  if (depthOf(text) > deepest) throw new SyntaxError(`JSON deeper than ${deepest} levels`);
  return exact.parse(text, (_key, value, { source }) =>
    typeof value === 'number' ? exact.rawJSON(source ?? String(value)) : value,
  );
}

export function rawNumber(digits: string): RawNumber {
  return exact.rawJSON(digits);
}

export function isRawNumber(value: unknown): value is RawNumber {
  return exact.isRawJSON(value);
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

/** The value of an own key; `constructor` and `__proto__` are keys like any other. */
export function ownKey(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** A whole number within the safe range, or undefined. */
export function toInteger(value: JsonValue | undefined): number | undefined {
  if (value === undefined || !isRawNumber(value)) return undefined;
  const number = Number(value.rawJSON);
  return Number.isSafeInteger(number) ? number : undefined;
}

function depthOf(text: string): number {
  let depth = 0;
  let most = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x7b || c === 0x5b) most = Math.max(most, ++depth);
    else if (c === 0x7d || c === 0x5d) depth--;
  }
  return most;
}
