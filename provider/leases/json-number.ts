import { type JsonValue, rawNumber } from '../util/json.ts';

/** JSON has no infinity: null. */
export function number(value: number): JsonValue {
  return Number.isFinite(value) ? rawNumber(String(value)) : null;
}

/** Infinity for anything else. */
export function toNumber(value: JsonValue | undefined): number {
  return typeof value === 'object' && value !== null && 'rawJSON' in value
    ? Number(value.rawJSON)
    : Number.POSITIVE_INFINITY;
}
