import { KeymountError, toKeymountError } from '../errors.ts';
import { SecretString } from '../util/secret-string.ts';
import { visible } from '../util/visible.ts';
import { errorFields } from './error-fields.ts';

const longestText = 1024;
const mostEntries = 100;
const deepest = 4;

/**
 * Characters of all texts of one line. A class may fail with hundreds of objects whose names, paths and reasons are long, and it does so
 * again with each of kubelet's tries: the line says the first of them, and how many there are.
 */
const longestLine = 8_192;

interface Room {
  left: number;
}

/**
 * A value as it may stand in the log, whatever it is: plain data within bounds. Errors become their allowed fields, secrets
 * `[secret]`, bytes their count, objects of other classes the name of their class.
 */
export function loggable(value: unknown): unknown {
  return within(value, 0, { left: longestLine });
}

function within(value: unknown, depth: number, room: Room): unknown {
  switch (typeof value) {
    case 'string':
      // Cut first: written out, a text is up to nine times as long.
      return shortened(visible(value.slice(0, longestText + 1)), room);
    case 'number':
    case 'boolean':
      return value;
    case 'bigint':
      return String(value);
    case 'object':
      return value === null ? null : loggableObject(value, depth, room);
    default:
      return undefined;
  }
}

function shortened(text: string, room: Room): string {
  const length = Math.min(longestText, room.left);
  room.left -= Math.min(text.length, length);
  return text.length > length ? `${text.slice(0, length)}...` : text;
}

function loggableObject(value: object, depth: number, room: Room): unknown {
  if (value instanceof Error) {
    const error = value instanceof KeymountError ? value : toKeymountError(value);
    return loggableFields({ ...errorFields(error) }, depth, room);
  }
  if (value instanceof SecretString) return '[secret]';
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= deepest) return '[deep]';
  if (Array.isArray(value)) return loggableList(value, depth, room);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return `[${className(prototype)}]`;
  return loggableFields(value as Record<string, unknown>, depth, room);
}

function loggableFields(value: Record<string, unknown>, depth: number, room: Room): object {
  const fields: Record<string, unknown> = Object.create(null);
  for (const [key, inner] of Object.entries(value).slice(0, mostEntries)) fields[key] = within(inner, depth + 1, room);
  return fields;
}

/** As many as there is room for; the first always. */
function loggableList(list: readonly unknown[], depth: number, room: Room): unknown[] {
  const shown: unknown[] = [];
  for (const each of list.slice(0, mostEntries)) {
    if (shown.length > 0 && room.left <= 0) break;
    shown.push(within(each, depth + 1, room) ?? null);
  }
  return shown.length === list.length ? shown : [...shown, `and ${list.length - shown.length} more`];
}

function className(prototype: { constructor?: { name?: unknown } }): string {
  const name = prototype.constructor?.name;
  return typeof name === 'string' && /^\w{1,60}$/.test(name) ? name : 'object';
}
