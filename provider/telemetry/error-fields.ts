import { getSystemErrorMap } from 'node:util';
import { formatPlace, type KeymountError } from '../errors.ts';

/** What of an error is logged: only our own words. What a library throws may hold a secret in any of its fields. */
export interface ErrorFields {
  readonly code: string;
  readonly message: string;
  readonly at?: string;
  readonly reason?: string;
  readonly hint?: string;
  readonly retryable: boolean;
  /** The class of what was thrown below it, and a system or Node code: `TypeError`, `Error ECONNREFUSED`. */
  readonly cause?: string;
  /** For internal errors: where in our code, `provider/mount/mount.ts:12:3 mountPod`, innermost first. */
  readonly stack?: readonly string[];
}

const mostFrames = 12;

export function errorFields(error: KeymountError): ErrorFields {
  const { cause } = error;
  return {
    code: error.code,
    message: error.message,
    ...(error.at === undefined ? {} : { at: formatPlace(error.at) }),
    ...(error.reason === undefined ? {} : { reason: error.reason }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    retryable: error.retryable,
    ...(cause === undefined ? {} : { cause: describeThrown(cause) }),
    ...(error.code === 'internal' ? { stack: ownFrames(cause instanceof Error ? cause : error) } : {}),
  };
}

/** What something thrown is, without anything it says. */
export function describeThrown(thrown: unknown): string {
  if (!(thrown instanceof Error)) return thrown === null ? 'null' : typeof thrown;
  const type = plainName(thrown.constructor?.name) ?? 'Error';
  const code = knownCode((thrown as { code?: unknown }).code);
  return code === undefined ? type : `${type} ${code}`;
}

/** Frames of our own files, as places and function names; the stack begins with the message, which is cut off. */
export function ownFrames(error: Error): string[] {
  const { stack, message } = error;
  if (typeof stack !== 'string') return [];
  const end = stack.indexOf(message);
  const frames = (end < 0 ? stack : stack.slice(end + message.length)).split('\n');
  return frames.flatMap(readFrame).slice(0, mostFrames);
}

function readFrame(line: string): string[] {
  const match =
    /^ {4}at (?:async )?(?:new )?(?:([\w$.#<>]{1,100}) (?:\[as [\w$]{1,100}\] )?\()?([^()\s]{1,500}):(\d{1,7}):(\d{1,7})\)?$/.exec(
      line,
    );
  const [, name, file = ''] = match ?? [];
  if (match === null || file.startsWith('node:') || file.includes('/node_modules/')) return [];
  // A bundle is one file of another name.
  const from = file.lastIndexOf('/provider/');
  const place = from < 0 ? file.slice(file.lastIndexOf('/') + 1) : file.slice(from + 1);
  return [`${place}:${match[3]}:${match[4]}${name === undefined ? '' : ` ${name}`}`];
}

function plainName(name: unknown): string | undefined {
  return typeof name === 'string' && /^[A-Za-z]\w{0,60}$/.test(name) ? name : undefined;
}

function knownCode(code: unknown): string | undefined {
  if (typeof code !== 'string') return undefined;
  if (/^(?:ERR|UNABLE|CERT|DEPTH|SELF_SIGNED)_[A-Z0-9_]{1,60}$/.test(code)) return code;
  for (const [name] of getSystemErrorMap().values()) if (name === code) return code;
  return undefined;
}
