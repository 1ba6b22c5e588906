import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { KeymountError, toKeymountError } from '../../../provider/errors.ts';
import { createLog, type Log, type LogEvent, type LogOptions } from '../../../provider/telemetry/log.ts';
import { SecretString } from '../../../provider/util/secret-string.ts';

const moment = Date.UTC(2026, 10, 25, 13, 1, 43, 7);

function logged(log: (log: Log) => void, options: Partial<LogOptions> = {}): string[] {
  const lines: string[] = [];
  log(createLog({ level: 'debug', format: 'json', write: (line) => lines.push(line), now: () => moment, ...options }));
  return lines;
}

/** An event that the types forbid, as untyped code may send one. */
const smuggled = (fields: object) => ({ event: 'x', ...fields }) as LogEvent;
const one = (fields: object, options: Partial<LogOptions> = {}) =>
  logged((log) => log.info(smuggled(fields)), options)[0] ?? '';

describe('the log', () => {
  it('is one JSON object a line with time, level and event first', () => {
    assert.deepEqual(
      logged((log) =>
        log.info({ event: 'mount', dialect: 'vault', ms: 12, cached: false, none: undefined, nil: null }),
      ),
      [
        '{"level":"info","time":"2026-11-25T13:01:43.007Z","event":"mount","dialect":"vault","ms":12,"cached":false,"nil":null}\n',
      ],
    );
  });

  it('has no line of more than some kilobytes, whatever a class fails with', () => {
    const failures = Array.from({ length: 500 }, (_, index) => {
      const facts = { at: { path: `objects[${index}]`, name: 'n'.repeat(200) }, reason: 'r'.repeat(2_000), hint: 'h' };
      return new KeymountError('secret-denied', `${index} ${'m'.repeat(3_000)}`, facts);
    });
    const [error = assert.fail()] = failures;
    const [line = ''] = logged((log) => log.error({ event: 'mount', error, failures }));
    assert.ok(line.length < 10_000, `${line.length} characters`);
    const told = JSON.parse(line);
    assert.equal(told.error.code, 'secret-denied');
    assert.equal(told.failures[0].at, `objects[0] "${'n'.repeat(200)}"`);
    assert.match(told.failures.at(-1), /^and \d+ more$/);
    assert.equal(told.failures.length - 1 + Number(told.failures.at(-1).split(' ')[1]), 500);
  });

  it('holds what is at least as severe as its level', () => {
    const all = (log: Log) => {
      for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]({ event: level });
    };
    const levels = (lines: string[]) => lines.map((line) => JSON.parse(line).level);
    assert.deepEqual(levels(logged(all)), ['debug', 'info', 'warn', 'error']);
    assert.deepEqual(levels(logged(all, { level: 'warn' })), ['warn', 'error']);
    assert.deepEqual(levels(logged(all, { level: 'error' })), ['error']);
  });

  it('has the allowed fields of an error and no others', () => {
    const cause = Object.assign(new TypeError('CANARY'), { response: { body: 'CANARY' }, code: 'ECONNREFUSED' });
    const error = new KeymountError('backend-unreachable', 'read failed', {
      at: { path: 'objects[2]', name: 'db', line: 9 },
      reason: 'connection refused',
      hint: 'look at the server',
      retryAfter: 5,
      cause,
    });
    const [line = ''] = logged((log) => log.warn({ event: 'mount', error }));
    assert.deepEqual(JSON.parse(line).error, {
      code: 'backend-unreachable',
      message: 'read failed',
      at: 'objects[2] "db" (line 9)',
      reason: 'connection refused',
      hint: 'look at the server',
      retryable: true,
      cause: 'TypeError ECONNREFUSED',
    });
  });

  it('has our own frames of an internal error, without the text of what was thrown', () => {
    const thrown = new Error('CANARY\n    at CANARY (/x/provider/CANARY.ts:1:2)');
    const [line = ''] = logged((log) => log.error({ event: 'mount', error: toKeymountError(thrown) }));
    const { error } = JSON.parse(line);
    assert.equal(error.message, 'internal error');
    assert.equal(error.cause, 'Error');
    assert.match(error.stack[0], /^log\.test\.ts:\d+:\d+/);
    assert.ok(!line.includes('CANARY') && !line.includes('node_modules') && !line.includes('node:'), line);
  });

  const carriers: Readonly<Record<string, () => object>> = {
    'a raw error': () => ({
      error: Object.assign(new Error('CANARY'), { response: { body: 'CANARY' }, code: 'CANARY' }),
    }),
    'a raw error under err': () => ({ err: new Error('CANARY') }),
    'a raw error deep in a field': () => ({ a: { b: [Object.assign(new Error('CANARY'), { config: 'CANARY' })] } }),
    'an error whose class is named so': () => ({ error: new (class CANARY$ extends Error {})() }),
    'a secret string': () => ({ token: new SecretString('CANARY'), list: [new SecretString('CANARY')] }),
    bytes: () => ({ body: Buffer.from('CANARY'), view: new TextEncoder().encode('CANARY') }),
    'an object of a class': () => ({ request: new URL('https://u:CANARY@v'), map: new Map([['CANARY', 1]]) }),
    'a field of such an object': () => ({
      session: new (class Session {
        token = 'CANARY';
      })(),
    }),
    'an object with toJSON': () => ({
      x: new (class X {
        toJSON() {
          return 'CANARY';
        }
      })(),
    }),
    'a deep object': () => ({ a: { b: { c: { d: { e: 'CANARY' } } } } }),
    'a function or symbol': () => ({ f: () => 'CANARY', s: Symbol('CANARY') }),
  };
  for (const [what, make] of Object.entries(carriers)) {
    it(`does not show what is in ${what}`, () => {
      for (const format of ['json', 'text'] as const) {
        const line = one(make(), { format });
        assert.match(line, /\bx\b/);
        assert.ok(!line.includes('CANARY'), line);
      }
    });
  }

  it('says what it does not show', () => {
    const { error, token, body, url } = JSON.parse(
      one({
        error: new RangeError('x'),
        token: new SecretString('x'),
        body: Buffer.from('abc'),
        url: new URL('http://v'),
      }),
    );
    assert.deepEqual([error.code, error.cause], ['internal', 'RangeError']);
    assert.deepEqual([token, body, url], ['[secret]', '[3 bytes]', '[URL]']);
  });

  it('takes an event that refers to itself, throws or is huge', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    const throwing = {
      get x(): string {
        throw new Error('CANARY');
      },
    };
    assert.match(one({ loop }), /\[deep\]/);
    const lines = logged((log) => {
      const event = Object.defineProperty({ event: 'y' }, 'x', { enumerable: true, get: () => throwing.x });
      log.info(event as LogEvent);
    });
    assert.deepEqual(JSON.parse(lines[0] ?? ''), {
      level: 'info',
      time: '2026-11-25T13:01:43.007Z',
      event: 'y',
      unloggable: true,
    });
    assert.ok(one({ long: 'x'.repeat(1e6), list: Array(1e5).fill(1), big: 10n }).length < 6000);
  });

  it('does not fail whoever logs when a line cannot be written', () => {
    const write = () => {
      throw new Error('no space left');
    };
    assert.doesNotThrow(() => logged((log) => log.info({ event: 'x' }), { write }));
  });

  it('refuses raw errors and missing events where types are checked', () => {
    const log = createLog({ level: 'error', format: 'json', write: () => {} });
    // @ts-expect-error a raw error
    log.info({ event: 'x', error: new Error('x') });
    // @ts-expect-error no event
    log.info({ dialect: 'vault' });
    // @ts-expect-error a secret
    log.info({ event: 'x', token: new SecretString('x') });
    // @ts-expect-error a field of the log's own
    log.info({ event: 'x', level: 'error' });
  });

  /** What a process has written that is killed right after this, or a turn of its event loop later. */
  function writtenBy(calls: string): string {
    const script = `
      import { createLog } from './provider/telemetry/log.ts';
      const log = createLog({ level: 'info', format: 'text' });
      ${calls}
      process.kill(process.pid, 'SIGKILL');`;
    const cwd = join(import.meta.dirname, '../../..');
    try {
      execFileSync(process.execPath, ['--input-type=module-typescript', '-e', script], { cwd, stdio: 'pipe' });
    } catch (killed) {
      return String((killed as { stdout: Buffer }).stdout).replaceAll(/^\S+Z +/gm, '');
    }
    return assert.fail('it was not killed');
  }

  it('goes to standard output by default: a warning or an error at once, with all before it', () => {
    for (const severity of ['warn', 'error']) {
      const written = writtenBy(`log.info({ event: 'started' }); log.${severity}({ event: 'odd' });`);
      assert.match(written, /^info +started\n(?:warn|error) +odd\n$/);
    }
  });

  it('goes to standard output by default: the rest at the end of the turn', () => {
    const written = writtenBy(`
      for (const event of ['a', 'b']) log.info({ event });
      await new Promise(setImmediate);`);
    assert.match(written, /^info +a\ninfo +b\n$/);
  });
});

describe('the log as text', () => {
  it('is a line with fields in their order', () => {
    assert.equal(
      one(
        { dialect: 'vault', path: 'secret/data/a', ms: 12, ok: true, list: ['a', 'b'], nil: null },
        { format: 'text' },
      ),
      '2026-11-25T13:01:43.007Z info  x dialect=vault path=secret/data/a ms=12 ok=true list=["a","b"] nil=null\n',
    );
  });

  it('spreads an error over fields', () => {
    const error = new KeymountError('secret-missing', 'no secret', { at: { path: 'objects[0]' } });
    assert.match(
      logged((log) => log.warn({ event: 'mount', error }), { format: 'text' })[0] ?? '',
      / warn {2}mount error\.code=secret-missing error\.message="no secret" error\.at="objects\[0\]" error\.retryable=false\n$/,
    );
  });

  it('stays one line and moves no terminal, whatever is in it', () => {
    const evil = 'a\nb\r\u001b[31m\u0085\u2028\u202e\u007f" x=y';
    const line = one({ evil, 'bad name\n': 'x' }, { format: 'text' });
    assert.equal(line.search(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u), line.length - 1);
    assert.ok(line.includes('\\" x=y"'));
  });
});
