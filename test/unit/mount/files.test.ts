import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Code, formatError, KeymountError } from '../../../provider/errors.ts';
import { checkSize, type File, renderFiles } from '../../../provider/mount/files.ts';
import type { ReadOutcome } from '../../../provider/sessions/reads.ts';
import { failedRead, planOf, readOf } from './a-plan.ts';

const render = (objects: string, ...reads: ReadOutcome[]) => renderFiles(planOf(objects), reads, 0o644);
const textOf = ({ contents }: File) => Buffer.from(contents).toString();
const gone = (code: Code) => failedRead(new KeymountError(code, `it is ${code}`));

describe('the files of a plan', () => {
  it('are in the order of the class, with the modes of their objects or of the request', () => {
    const objects =
      '- {file: b, secret: s, key: k}\n- {file: a/x, secret: s, mode: "0400"}\n- {file: c, secret: s, key: e, decode: hex, mode: 0}\n';
    const { files, failures } = render(objects, readOf({ k: 'v', e: '6869' }));
    assert.deepEqual(failures, []);
    assert.deepEqual(
      files.map((file) => [file.path, file.mode, textOf(file)]),
      [
        ['b', 0o644, 'v'],
        ['a/x', 0o400, '{"e":"6869","k":"v"}'],
        ['c', 0, 'hi'],
      ],
    );
  });

  it('are all or none: each object that fails is told, at its own place', () => {
    const objects =
      '- {file: a, secret: s, key: k}\n- {file: b, secret: s, key: x}\n- {file: c, secret: s, key: y}\n- {file: d, secret: t}\n';
    const { failures } = render(objects, readOf({ k: 'v' }, 'kv/s'), gone('secret-denied'));
    assert.deepEqual(
      failures.map(({ code, at, message }) => [code, at?.name, message]),
      [
        ['key-missing', 'b', 'the secret has no key "x" at kv/s'],
        ['key-missing', 'c', 'the secret has no key "y" at kv/s'],
        ['secret-denied', 'd', 'it is secret-denied'],
      ],
    );
  });

  it('that share a failed read are each told at their own place', () => {
    const { failures } = render(
      '- {file: a, secret: s, key: k}\n- {file: b, secret: s, key: l}\n',
      gone('secret-missing'),
    );
    assert.deepEqual(
      failures.map(({ at }) => at?.name),
      ['a', 'b'],
    );
  });

  it('whose login failed are told by one and the same failure', () => {
    const error = new KeymountError('login-denied', 'no', { at: { path: 'objects[0]' } });
    const { failures } = render(
      '- {file: a, secret: s}\n- {file: b, secret: t}\n',
      failedRead(error, true),
      failedRead(error, true),
    );
    assert.deepEqual(new Set(failures), new Set([error]));
  });

  it('without a read are a defect and no crash', () => {
    assert.deepEqual(
      render('- {file: a, secret: s}').failures.map(({ code }) => code),
      ['internal'],
    );
  });
});

describe('an optional object', () => {
  const objects = '- {file: a, secret: s, key: k, optional: true}\n- {file: b, secret: t}\n';

  for (const code of ['secret-missing', 'secret-deleted'] as const) {
    it(`is left out where its read is ${code}`, () => {
      const { files, failures } = render(objects, gone(code), readOf({}));
      assert.deepEqual(failures, []);
      assert.deepEqual(
        files.map(({ path }) => path),
        ['b'],
      );
    });
  }

  it('is left out where its key is missing, or holds null', () => {
    for (const keys of [{}, { k: null }]) {
      assert.deepEqual(render(objects, readOf(keys), readOf({})).failures, []);
      assert.deepEqual(
        render(objects, readOf(keys), readOf({})).files.map(({ path }) => path),
        ['b'],
      );
    }
  });

  for (const code of [
    'secret-denied',
    'login-denied',
    'backend-unreachable',
    'backend-sealed',
    'backend-reply-invalid',
    'connection-not-allowed',
    'class-invalid',
  ] as const) {
    it(`still fails where its read is ${code}`, () => {
      assert.deepEqual(
        render(objects, gone(code), readOf({})).failures.map((error) => error.code),
        [code],
      );
    });
  }

  it('still fails where its value is not in its encoding', () => {
    const { failures } = render('- {file: a, secret: s, key: k, decode: base64, optional: true}', readOf({ k: '%' }));
    assert.deepEqual(
      failures.map(({ code }) => code),
      ['value-invalid'],
    );
  });

  it('may leave nothing at all', () => {
    assert.deepEqual(render('- {file: a, secret: s, optional: true}', gone('secret-missing')), {
      files: [],
      failures: [],
    });
  });
});

describe('the size of a volume', () => {
  const file = (path: string, bytes: number): File => {
    const [output] = planOf(`- {file: a, secret: s}`).outputs;
    assert.ok(output !== undefined);
    return { path, mode: 0o644, contents: new Uint8Array(bytes), output, backendVersion: '' };
  };
  const refusal = (files: File[], limit: number) => {
    try {
      checkSize(files, limit);
      return undefined;
    } catch (error) {
      assert.ok(error instanceof KeymountError);
      return error;
    }
  };

  it('may be up to the limit', () => {
    assert.equal(refusal([file('a', 500), file('b', 498)], 998 + 2 * (2 + 66)), undefined);
    assert.equal(refusal([], 0), undefined);
  });

  it('beyond the limit names the three largest files, and the status says that something is exhausted', () => {
    const error = refusal(
      [file('small', 10), file('big', 600), file('bigger', 700), file('tiny', 1), file('mid', 50)],
      1000,
    );
    assert.equal(error?.code, 'response-too-large');
    assert.equal(error.status, 'RESOURCE_EXHAUSTED');
    assert.match(error.reason ?? '', /bigger \(700\), big \(600\), mid \(50\)/);
    assert.doesNotMatch(formatError(error), /small|tiny/);
  });

  it('beyond the limit is told in one short line, however long the paths are', () => {
    const long = `${'x/'.repeat(2000)}y`;
    const text = formatError(refusal([file(`a/${long}`, 600), file(`b/${long}`, 600)], 1000) as KeymountError);
    assert.match(text, /split the class/);
    assert.ok(text.length < 800, `${text.length} characters`);
  });
});
