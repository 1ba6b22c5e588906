import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseClass } from '../../provider/plan/parse.ts';
import { parseYaml, YamlError, type YamlNode } from '../../provider/plan/yaml.ts';

/** What an author may write without quotes: numbers, dates, versions, words that other readers take for something else. */
const plainScalar = fc
  .oneof(
    fc.stringMatching(/^[0-9a-zA-Z._/+~-]{1,12}$/),
    fc.stringMatching(/^[-+]?0?[0-9_]{1,20}(\.[0-9]{1,5})?([eE][-+]?[0-9]{1,2})?$/),
    fc.constantFrom(
      '0644',
      '0o644',
      '00012',
      '1.10',
      'no',
      'yes',
      'on',
      'y',
      'true',
      'NULLish',
      '1e3',
      '0x1f',
      '2026-01-02',
      '.inf',
      '1_000',
      '12:30:45',
      '=',
      '<<<',
    ),
  )
  .filter((text) => !/^(?:-|~|null|Null|NULL|[-.~+]{3}.*)$/.test(text));

const anyText = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.toWellFormed());

/** A tree as JSON would be, every scalar as the text that it is written in. */
type Tree = string | Tree[] | { [key: string]: Tree };

function treeOf(node: YamlNode): Tree {
  if (node.kind === 'scalar') return node.text;
  if (node.kind === 'list') return node.items.map(treeOf);
  return Object.fromEntries(node.entries.map(({ key, value }) => [key, treeOf(value)]));
}

describe('a YAML scalar', () => {
  it('is kept as it is written, plain or quoted', () => {
    fc.assert(
      fc.property(plainScalar, (text) => {
        const all = parseYaml(`- ${text}\n- "${text}"\n- '${text}'\n- {k: ${text}}\n- [${text}]\n- |-\n  ${text}\n`);
        assert.deepEqual(treeOf(all), [text, text, text, { k: text }, [text], text]);
      }),
      { numRuns: 2000 },
    );
  });

  it('is kept as it is written in every field of a class', () => {
    fc.assert(
      fc.property(plainScalar, (text) => {
        const objects = `- file: f-${text.replaceAll('/', '')}\n  secret: ${text}\n  key: ${text}\n  version: ${text}\n`;
        const plan = parseClass(
          'keymount',
          new Map([
            ['connection', 'c'],
            ['objects', objects],
          ]),
        );
        assert.deepEqual(plan.outputs[0]?.select, { key: text });
        assert.equal(plan.sources[0]?.address, text);
        assert.equal(plan.sources[0]?.version, text);
      }),
      { numRuns: 500 },
    );
  });

  it('in double quotes is the text that JSON means by it', () => {
    fc.assert(
      fc.property(anyText, (text) => assert.equal(treeOf(parseYaml(`- ${JSON.stringify(text)}`))?.[0 as never], text)),
      {
        numRuns: 2000,
      },
    );
  });
});

describe('JSON', () => {
  it('is read as YAML with the same shape', () => {
    const shape = fc
      .jsonValue({ maxDepth: 4, noUnicodeString: false })
      .filter((json) => !JSON.stringify(json).includes('__proto__'));
    fc.assert(
      fc.property(shape, (json) => {
        const written = (value: unknown): Tree => {
          if (typeof value === 'string') return value.toWellFormed();
          if (Array.isArray(value)) return value.map(written);
          if (typeof value !== 'object' || value === null) return JSON.stringify(value);
          return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key.toWellFormed(), written(entry)]));
        };
        const text = JSON.stringify(json);
        fc.pre(text.isWellFormed());
        assert.deepEqual(treeOf(parseYaml(text)), written(json));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('whatever a class author writes', () => {
  const canary = 'Canary5f';
  const piece = fc.constantFrom(
    ...[
      '- ',
      ': ',
      '? ',
      '\n',
      '\n  ',
      '\n\t',
      '[',
      ']',
      '{',
      '}',
      ', ',
      '&',
      '*',
      '!',
      '!<',
      '|',
      '>',
      '|2-\n',
      '"',
      "'",
      '#',
      ' #',
      '%',
      '@',
      '`',
    ],
    ...[
      '---\n',
      '...\n',
      '\\',
      '\\x',
      '\\u',
      '\\U',
      '<<: ',
      '~',
      'a',
      'b: c',
      '\r\n',
      '\ufeff',
      '\0',
      '\u2028',
      ' ',
      '%YAML ',
      '%TAG ',
    ],
    canary,
    canary,
    canary,
  );
  const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''));

  it('is a tree or an error with a line of it, and no error repeats it', () => {
    fc.assert(
      fc.property(text, (written) => {
        try {
          parseYaml(written);
        } catch (error) {
          assert.ok(error instanceof YamlError, `${error} was thrown`);
          assert.ok(error.line >= 1 && error.line <= written.split('\n').length + 1, `line ${error.line}`);
          // Keys are named, and a key is what stands before a colon.
          if (!error.message.startsWith('key "')) assert.doesNotMatch(error.message, /Canary|5f/);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('is a plan or a list of mistakes', () => {
    const dialects = fc.constantFrom('vault', 'openbao', 'keymount');
    const fields = fc.constantFrom(
      'objectName',
      'secretPath',
      'secretKey',
      'file',
      'secret',
      'key',
      'mode',
      'filePermission',
      'method',
      'secretArgs',
      'request',
      'optional',
      'encoding',
      'version',
      'connection',
      '__proto__',
      'constructor',
      'x',
    );
    const value = fc.oneof(
      plainScalar,
      fc.constantFrom('', '~', '[a]', '{a: b}', '{__proto__: {b: c}}', '"\\0"', '../x', 'a/b'),
      anyText.map((one) => JSON.stringify(one)),
    );
    const object = fc
      .array(fc.tuple(fields, value), { maxLength: 6 })
      .map((all) => `{${all.map(([name, one]) => `${name}: ${one}`).join(', ')}}`);
    const objects = fc.array(object, { maxLength: 4 }).map((all) => all.map((one) => `- ${one}`).join('\n'));
    fc.assert(
      fc.property(dialects, fc.oneof(objects, text), (dialect, written) => {
        try {
          const plan = parseClass(
            dialect,
            new Map([
              ['objects', written],
              ['roleName', 'r'],
              ['connection', 'c'],
            ]),
          );
          assert.ok(plan.outputs.length > 0);
          assert.ok(plan.outputs.every(({ source }) => plan.sources[source] !== undefined));
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'class-invalid', `${(error as Error).stack}`);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
