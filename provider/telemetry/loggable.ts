import { KeymountError, toKeymountError } from '../errors.ts';
import { SecretString } from '../util/secret-string.ts';
import { errorFields } from './error-fields.ts';

const longestText = 4096;
const mostEntries = 100;
const deepest = 4;

/**
 * A value as it may stand in the log, whatever it is: plain data within bounds. Errors become their allowed fields, secrets
 * `[secret]`, bytes their count, objects of other classes the name of their class.
 */
export function loggable(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
      return value.length > longestText ? `${value.slice(0, longestText)}...` : value;
    case 'number':
    case 'boolean':
      return value;
    case 'bigint':
      return String(value);
    case 'object':
      return value === null ? null : loggableObject(value, depth);
    default:
      return undefined;
  }
}

function loggableObject(value: object, depth: number): unknown {
  if (value instanceof Error) return errorFields(value instanceof KeymountError ? value : toKeymountError(value));
  if (value instanceof SecretString) return '[secret]';
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= deepest) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, mostEntries).map((each) => loggable(each, depth + 1) ?? null);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return `[${className(prototype)}]`;
  const fields: Record<string, unknown> = Object.create(null);
  for (const [key, inner] of Object.entries(value).slice(0, mostEntries)) fields[key] = loggable(inner, depth + 1);
  return fields;
}

function className(prototype: { constructor?: { name?: unknown } }): string {
  const name = prototype.constructor?.name;
  return typeof name === 'string' && /^\w{1,60}$/.test(name) ? name : 'object';
}
