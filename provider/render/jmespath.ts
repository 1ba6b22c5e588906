import { createContext, Script } from 'node:vm';
import { compile, search } from 'jmespath';
import { KeymountError } from '../errors.ts';
import { isJsonObject, isRawNumber, type JsonObject, type JsonValue, rawNumber } from '../util/json.ts';

declare module 'jmespath' {
  // Left out of its types.
  export function compile(expression: string): unknown;
}

/** Longest expression, in characters: the library's parser is recursive. */
const longest = 1_024;
/** Milliseconds that an expression may take, for `[@,@]|[@,@]|…` doubles with every step. */
const patience = 100;
/** Values of a result. */
const mostValues = 100_000;

/** What is wrong with an expression, or undefined. */
export function jmesPathProblem(expression: string): string | undefined {
  if (expression.length > longest) return `is longer than ${longest} characters`;
  try {
    compile(expression);
    // The library takes a final dot for nothing.
    if (!/\.\s*$/.test(expression)) return undefined;
  } catch {
    // The library's own words are about tokens.
  }
  const bare = /^[\w.-]*-[\w.-]*$/.test(expression);
  return `is not valid JMESPath${bare ? '; a key with a dash wants double quotes, as "db-password"' : ''}`;
}

/** What an expression (https://jmespath.org/specification.html) finds; null for nothing. Numbers keep their digits. Throws `value-invalid`. */
export function searchJmesPath(expression: string, value: JsonValue): JsonValue {
  try {
    // A path of names cannot grow, and a watchdog costs a thread.
    if (/^(?:[\w."-]|\[-?\d+\])+$/.test(expression)) return find(expression, value);
    return bounded(() => find(expression, value));
  } catch (thrown) {
    if (thrown instanceof KeymountError) throw thrown;
    const late = (thrown as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    // What the library throws may quote the secret.
    throw new KeymountError(
      'value-invalid',
      `the jmesPath ${expression.slice(0, 100)} cannot be applied to the secret`,
      {
        reason: late ? 'it takes too long' : undefined,
        hint: late ? undefined : 'its functions may be given values of other types than they take',
      },
    );
  }
}

function find(expression: string, value: JsonValue): JsonValue {
  const budget = { left: mostValues };
  return fromPlain(search(toPlain(value), expression), budget);
}

let watched: { readonly script: Script; readonly sandbox: { work: () => void } } | undefined;

/** Only code that V8 runs as a script can be stopped after a while; what it calls is stopped with it. */
function bounded<Result>(work: () => Result): Result {
  if (watched === undefined) {
    const sandbox = { work: () => {} };
    createContext(sandbox);
    watched = { script: new Script('work()'), sandbox };
  }
  const { script, sandbox } = watched;
  let result: { readonly value: Result } | undefined;
  sandbox.work = () => {
    result = { value: work() };
  };
  try {
    script.runInContext(sandbox, { timeout: patience });
  } finally {
    sandbox.work = () => {};
  }
  return (result as unknown as { readonly value: Result }).value;
}

/** The library asks objects for this and nothing else; `constructor` and `__proto__` must be names like any other. */
const prototype = Object.freeze(
  Object.defineProperty(Object.create(null) as object, 'hasOwnProperty', { value: Object.prototype.hasOwnProperty }),
);

/** Numbers that JavaScript would write otherwise (`1.0`, twenty digits) travel as objects that count as numbers. */
class ExactNumber extends Number {
  readonly digits: string;
  constructor(digits: string) {
    super(digits);
    this.digits = digits;
  }
}

function toPlain(value: JsonValue): unknown {
  if (isRawNumber(value)) {
    const number = Number(value.rawJSON);
    return String(number) === value.rawJSON ? number : new ExactNumber(value.rawJSON);
  }
  if (Array.isArray(value)) return value.map(toPlain);
  if (!isJsonObject(value)) return value;
  const object = Object.create(prototype) as object;
  for (const [key, each] of Object.entries(value)) define(object, key, toPlain(each));
  return object;
}

function fromPlain(value: unknown, budget: { left: number }): JsonValue {
  if (--budget.left < 0) throw new KeymountError('value-invalid', `the jmesPath finds more than ${mostValues} values`);
  if (value instanceof ExactNumber) return rawNumber(value.digits);
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? rawNumber(String(value)) : null;
    case 'object':
      break;
    default:
      return null;
  }
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((each) => fromPlain(each, budget));
  const object: JsonObject = {};
  for (const [key, each] of Object.entries(value)) define(object, key, fromPlain(each, budget));
  return object;
}

/** A key named `__proto__` is a key. */
function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
