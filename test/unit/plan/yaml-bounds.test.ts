import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { largestText, parseYaml, YamlError } from '../../../provider/plan/yaml.ts';

/** As many repetitions as a class may have. */
const fill = (unit: string, before = '', after = '') => {
  const room = largestText - Buffer.byteLength(before + after);
  return before + unit.repeat(Math.floor(room / Buffer.byteLength(unit))) + after;
};

function failure(text: string): YamlError {
  try {
    parseYaml(text);
  } catch (error) {
    assert.ok(error instanceof YamlError, `${error} was thrown`);
    return error;
  }
  return assert.fail('it was parsed');
}

describe('the text of a class', () => {
  it('may have 128 KiB and not a byte more', () => {
    assert.equal(parseYaml(`"${'é'.repeat(largestText / 2 - 1)}"`).kind, 'scalar');
    assert.match(failure(`"${'é'.repeat(largestText / 2 - 1)}"\n`).message, /larger than 128 KiB/);
  });

  it('may list two thousand objects', () => {
    const objects = Array.from({ length: 2000 }, (_, i) => `- {objectName: f${i}, secretPath: s/${i}, secretKey: k}`);
    const root = parseYaml(objects.join('\n'));
    assert.equal(root.kind === 'list' && root.items.length, 2000);
  });

  it('may nest 32 levels and not one more', () => {
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    assert.equal(parseYaml(nested(33)).kind, 'list');
    assert.match(failure(nested(34)).message, /nested more than 32 levels/);
  });

  const deep: [string, string][] = [
    ['brackets', fill('[')],
    ['braces', fill('{a: ')],
    ['lists on one line', fill('- ')],
    ['explicit keys on one line', fill('? ')],
    ['both of them', fill('- ? ')],
    ['indentation', Array.from({ length: 500 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
  ];
  for (const [what, text] of deep) {
    it(`cannot nest ${what} until the stack overflows`, () => {
      assert.match(failure(text).message, /nested more than 32 levels/);
    });
  }

  const bombs: [string, string][] = [
    [
      'values by aliases of aliases',
      `- &a [${'x,'.repeat(99)}x]\n- &b [${'*a,'.repeat(99)}*a]\n- [${'*b,'.repeat(99)}*b]\n`,
    ],
    ['values by one alias', `- &a [x,x,x,x,x,x,x,x,x,x]\n${'- *a\n'.repeat(3000)}`],
    ['text by one alias', `- &a "${'x'.repeat(100_000)}"\n- *a\n- *a\n`],
    ['text by a merge key', `- &a {k: "${'x'.repeat(90_000)}"}\n- {<<: *a}\n- {<<: *a}\n`],
    ['depth by aliases', `- &a0 [x]\n${Array.from({ length: 40 }, (_, i) => `- &a${i + 1} [*a${i}]\n`).join('')}`],
  ];
  for (const [what, text] of bombs) {
    it(`cannot multiply ${what}`, () => assert.match(failure(text).message, /more than|more text than/));
  }
});

describe('hostile text', () => {
  // Seconds before they were bounded. A tenth of one now; the limit leaves room for a machine that does other things.
  const limit = 1_000_000;
  const texts: [string, string][] = [
    ['commas', fill(',', '{')],
    ['brackets that open and close', fill('][')],
    ['brackets after a value', fill('[]\n')],
    ['explicit keys in braces', fill('? ', '{')],
    ['tabs', fill('a:\n\tb\n')],
    ['anchors', fill('&a ')],
    ['tags', fill('!<a ')],
    ['broken escapes', fill('\\q', 'a: "', '"')],
    ['empty keys', fill(':\n')],
    ['pairs in brackets', fill('a: b,', '[', ']')],
    ['documents', fill('---\n')],
    ['directives', fill('%A b\n')],
    ['line ends', fill('\n', 'a: b', 'c')],
    ['aliases', fill('- *a\n', '- &a b\n')],
    ['equal keys', fill('a: b\n')],
    ['comments', fill('#\n')],
  ];
  for (const [what, text] of texts) {
    it(`of ${what} does not hold the process up`, () => {
      const started = process.cpuUsage().user;
      try {
        parseYaml(text);
      } catch (error) {
        assert.ok(error instanceof YamlError, `${error} was thrown`);
      }
      const took = process.cpuUsage().user - started;
      assert.ok(took < limit, `it took ${took / 1000} ms`);
    });
  }

  it('leaves the length of stack traces as it was', () => {
    const before = Error.stackTraceLimit;
    failure('[');
    assert.equal(Error.stackTraceLimit, before);
  });
});
