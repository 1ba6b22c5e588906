import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isNull, parseYaml, YamlError, type YamlNode } from '../../../provider/plan/yaml.ts';

type Plain = string | Plain[] | { [key: string]: Plain };

/** The tree without places: maps as lists of pairs would be unreadable, so keys must not repeat (they cannot). */
function plain(node: YamlNode): Plain {
  if (node.kind === 'scalar') return node.text;
  if (node.kind === 'list') return node.items.map(plain);
  return Object.fromEntries(node.entries.map(({ key, value }) => [key, plain(value)]));
}

const tree = (text: string) => plain(parseYaml(text));

function failure(text: string): YamlError {
  try {
    parseYaml(text);
  } catch (error) {
    assert.ok(error instanceof YamlError, `${error} was thrown`);
    return error;
  }
  return assert.fail('it was parsed');
}

describe('YAML of a class', () => {
  it('keeps every scalar as it is written', () => {
    const scalars = '0644 0o644 1.10 00012 no yes on ~ null 1e3 0x1f 2026-01-02 .inf 12345678901234567890 1_000'.split(
      ' ',
    );
    assert.deepEqual(tree(scalars.map((text) => `- ${text}`).join('\n')), scalars);
  });

  it('skips the byte order mark of an editor at its beginning, and keeps one anywhere else', () => {
    assert.deepEqual(tree('\ufeff- a: b\n  c: d\n- e: f\n'), [{ a: 'b', c: 'd' }, { e: 'f' }]);
    assert.deepEqual(tree('- "\ufeffx"'), ['\ufeffx']);
  });

  it('tells plain scalars from quoted and block texts', () => {
    const root = parseYaml('- 1\n- "1"\n- \'1\'\n- |\n  1\n- >\n  1\n-\n');
    assert.deepEqual(root.kind === 'list' && root.items.map((item) => item.kind === 'scalar' && item.plain), [
      true,
      false,
      false,
      false,
      false,
      true,
    ]);
  });

  it('knows null as plain text only', () => {
    const root = parseYaml('[~, null, Null, NULL, , nULL, "", "null", "~"]'.replace(' ,', ' a: ,'));
    assert.ok(root.kind === 'list');
    assert.deepEqual(root.items.map(isNull), [true, true, true, true, false, false, false, false, false]);
    assert.ok(isNull(parseYaml('')));
    assert.ok(isNull(parseYaml('# only a comment\n')));
    assert.ok(isNull(parseYaml('---\n')));
  });

  it('gives every node its line', () => {
    const root = parseYaml('# c\n\n- a: 1\n  b:\n    c: 2\n-\n  - x\n- "q\n   r"\n- z\n');
    assert.ok(root.kind === 'list');
    assert.deepEqual(
      root.items.map(({ line }) => line),
      [3, 7, 8, 10],
    );
    const [first] = root.items;
    assert.ok(first?.kind === 'map');
    assert.deepEqual(
      first.entries.map(({ key, line, value }) => [key, line, value.line]),
      [
        ['a', 3, 3],
        ['b', 4, 5],
      ],
    );
  });

  const accepted: [string, string, Plain][] = [
    ['a document marker at the start', '---\n- a\n', ['a']],
    ['document markers at the end', '- a\n...\n', ['a']],
    ['an empty second document', '- a\n---\n', ['a']],
    ['a version directive', '%YAML 1.1\n---\n- a\n', ['a']],
    ['Windows line ends', '- a: b\r\n  c: d\r\n- e\r\n', [{ a: 'b', c: 'd' }, 'e']],
    ['JSON', '[{"a":"b","c":[1,{}]}]', [{ a: 'b', c: ['1', {}] }]],
    ['comments', '# one\n- a # two\n# three\n- b\n', ['a', 'b']],
    ['non-ASCII text', '- {é: "\\u00fc", 中: 😀}\n', [{ é: 'ü', 中: '😀' }]],
    ['a list without indentation', 'a:\n- b\n- c\n', { a: ['b', 'c'] }],
    ['an anchor and its alias', '- &x {a: b}\n- *x\n', [{ a: 'b' }, { a: 'b' }]],
    ['an alias as a key', '- &x k\n- {*x : v}\n', ['k', { k: 'v' }]],
    ['tags, which change nothing', '- !!str 5\n- !foo bar\n', ['5', 'bar']],
    [
      'keys of every kind of object',
      '{__proto__: 1, constructor: 2, toString: 3}',
      JSON.parse('{"__proto__":"1","constructor":"2","toString":"3"}'),
    ],
    [
      'brackets in texts',
      `- "${'['.repeat(1000)}"\n- a: ${'x{'.repeat(1000)}\n`,
      ['['.repeat(1000), { a: 'x{'.repeat(1000) }],
    ],
  ];
  for (const [what, text, expected] of accepted) it(`may have ${what}`, () => assert.deepEqual(tree(text), expected));

  const refused: [string, string, number, RegExp][] = [
    ['a tab as indentation', '- a: b\n- c:\n\td: e\n', 3, /[Tt]ab/],
    ['a key less deep than its neighbours', '- a: b\n  c: d\n e: f\n', 3, /./],
    ['a key deeper than its neighbours', '- a: b\n   c: d\n', 1, /./],
    ['a value on a line of its own, too shallow', '- a:\n  b\n  c: d\n', 2, /./],
    ['an open quote', '- a\n- b: "c', 2, /quote/],
    ['an open bracket', '- [a, b\n- c\n', 2, /./],
    ['a stray bracket', '- a\n- ]\n', 2, /./],
    ['a reserved character', '- a\n- @b\n', 2, /reserved character/],
    ['a key twice', '- a: 1\n  b: 2\n  a: 3\n', 3, /key "a" is given twice \(first on line 1\)/],
    ['a key twice that objects have anyway', '{__proto__: 1, __proto__: 2}', 1, /given twice/],
    ['a map as a key', '- a\n- {? {b: c} : d}\n', 2, /key must be a plain name/],
    ['a list as a key', '- a\n- ? [b]\n  : c\n', 2, /key must be a plain name/],
    ['a second document', '- a\n---\n- b\n', 2, /more than one YAML document/],
    ['a directive without a document', '%A b\n- a\n', 2, /./],
    ['an unknown alias', '- a\n- *b\n', 2, /alias/],
    ['an alias inside of its own anchor', '- &a [*a]\n', 1, /alias/],
    ['a broken escape', '- "\\q"\n', 1, /escape/],
  ];
  for (const [what, text, line, message] of refused) {
    it(`must not have ${what}, and the error names line ${line}`, () => {
      const error = failure(text);
      assert.match(error.message, message);
      assert.equal(error.line, line);
    });
  }

  it('does not quote the text around a problem, which may be a pasted secret', () => {
    const places = [
      '"hunter2',
      '@hunter2',
      '*hunter2',
      '{hunter2: {hunter2}',
      '- hunter2: hunter2: x',
      '!<hunter2',
      '&hunter2 &hunter2',
      '[hunter2]]',
      '"\\hunter2"',
      '%hunter2 x\n- a',
      'a: hunter2\n b: hunter2',
      "'hunter2' hunter2",
      '|hunter2\n x',
      '>9hunter2',
    ];
    for (const text of places)
      assert.doesNotMatch(failure(`a: ${text}\n`).message + failure(`${text}\n]`).message, /hunter2/);
  });
});

describe('merge keys', () => {
  it('give the entries that a map does not have itself', () => {
    assert.deepEqual(tree('- &d {a: 1, b: 2}\n- {<<: *d, b: 3, c: 4}\n'), [
      { a: '1', b: '2' },
      { b: '3', c: '4', a: '1' },
    ]);
  });

  it('count less than entries written before them', () => {
    assert.deepEqual(tree('- &d {a: 1}\n- {a: 2, <<: *d}\n'), [{ a: '1' }, { a: '2' }]);
  });

  it('of several maps take the first that has the key', () => {
    assert.deepEqual(tree('- &d {a: 1}\n- {<<: [*d, {a: 2, b: 3}]}\n'), [{ a: '1' }, { a: '1', b: '3' }]);
  });

  it('are a key like any other where they are quoted', () => {
    assert.deepEqual(tree('{"<<": {a: 1}}'), { '<<': { a: '1' } });
  });

  it('need a map', () => {
    assert.match(failure('- a\n- {<<: b}\n').message, /merge key/);
    assert.equal(failure('- a\n- {<<: b}\n').line, 2);
  });
});

describe('an anchor that is given again', () => {
  it('changes nothing in aliases before it', () => {
    assert.deepEqual(tree('- &a x\n- &b [*a]\n- &a y\n- *b\n- *a\n'), ['x', ['x'], 'y', ['x'], 'y']);
  });

  it('is not undone by an alias to an older one around it', () => {
    assert.deepEqual(tree('- &o [&i x]\n- &i y\n- *o\n- *i\n'), [['x'], 'y', ['x'], 'y']);
  });

  it('cannot be made to contain itself', () => {
    assert.deepEqual(tree('- &a x\n- &b [*a]\n- &a [*b]\n- *a\n'), ['x', ['x'], [['x']], [['x']]]);
  });
});
