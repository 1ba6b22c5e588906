import { pino } from 'pino';
import type { KeymountError } from '../errors.ts';
import type { LogLevel } from '../settings/settings.ts';
import { systemClock } from '../util/clock.ts';
import { loggable } from './loggable.ts';
import { textLine } from './text-line.ts';

/** What an event may hold. A caught error goes through `toKeymountError` first: nobody knows what a library's error carries. */
export type LogField =
  | string
  | number
  | boolean
  | null
  | undefined
  | KeymountError
  | readonly LogField[]
  | { readonly [name: string]: LogField };

/** One thing that happened, as fields and not prose: `{event: 'mount', dialect: 'vault', code: 'ok', ms: 12}`. */
export interface LogEvent {
  /** A fixed word; what varies goes into other fields. */
  readonly event: string;
  readonly time?: never;
  readonly level?: never;
  readonly [field: string]: LogField;
}

export interface Log {
  readonly error: (event: LogEvent) => void;
  readonly warn: (event: LogEvent) => void;
  readonly info: (event: LogEvent) => void;
  readonly debug: (event: LogEvent) => void;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  /** Takes whole lines with their end. Default: standard output. */
  readonly write?: (line: string) => void;
  readonly now?: () => number;
}

/** A log that never throws and never holds more of a value than `loggable` lets through. */
export function createLog({ level, format, write, now = systemClock.now }: LogOptions): Log {
  const out = write === undefined ? stdoutLines() : { write, flush: () => {} };
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: format === 'json' ? out.write : (line) => out.write(`${textLine(JSON.parse(line))}\n`) },
  );
  const at = (severity: LogLevel) => (event: LogEvent) => {
    if (!logger.isLevelEnabled(severity)) return;
    try {
      logger[severity](fieldsOf(event));
      if (severity === 'error' || severity === 'warn') out.flush();
    } catch {
      // A Mount must not fail because its log line could not be written.
    }
  };
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
}

function fieldsOf(event: LogEvent): object {
  try {
    return loggable(event) as object;
  } catch {
    return { event: event.event, unloggable: true };
  }
}

/**
 * The lines of one turn of the event loop go out in one write: a node's Mounts come all at once, and a write costs more than the
 * rest of a Mount from memory. A warning or an error goes out at once with all before it, so that a crash loses nothing.
 */
function stdoutLines(): { readonly write: (line: string) => void; readonly flush: () => void } {
  const stdout = pino.destination({ dest: 1, sync: true });
  stdout.on('error', () => {});
  let lines = '';
  const flush = () => {
    const text = lines;
    lines = '';
    if (text !== '') stdout.write(text);
  };
  return {
    write(line) {
      if (lines === '') setImmediate(flush);
      lines += line;
    },
    flush,
  };
}
