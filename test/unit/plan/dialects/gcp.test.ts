import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mistakesOf, onlyFile, type Parameters, planOf, warningsOf } from '../a-class.ts';

const name = 'projects/p/secrets/s/versions/latest';
const gcp = (secrets: string, more: Parameters = {}): Parameters => ({ secrets, ...more });
/** One entry with a name and a path. */
const entry = (fields: string) => gcp(`- {resourceName: ${name}, path: a${fields === '' ? '' : `, ${fields}`}}`);
const fileOf = (fields: string) => onlyFile('gcp', entry(fields)).output;
const mistakes = (fields: string) => mistakesOf('gcp', entry(fields));

describe('a gcp class', () => {
  it('is a file for each entry, with the ids and versions of the Go provider', () => {
    const { output, source } = onlyFile('gcp', entry(''));
    assert.equal(output.path, 'a');
    assert.deepEqual(output.select, { whole: 'keys' });
    assert.equal(output.versionId, name);
    assert.equal(output.backendVersion, true);
    assert.equal(output.mode, undefined);
    assert.equal(source.address, name);
    assert.equal(source.refresh, undefined);
    assert.deepEqual(source.access.connection, {
      kind: 'inline',
      backend: 'gcp-secretmanager',
      profile: 'gcp',
      settings: {},
    });
  });

  it('is read in the same way on gke.sock', () => {
    const { source } = onlyFile('gke', entry(''));
    assert.equal(source.access.connection.kind === 'inline' && source.access.connection.profile, 'gke');
  });

  it('gives path precedence over fileName', () => {
    const file = (fields: string) => onlyFile('gcp', gcp(`- {resourceName: ${name}, ${fields}}`)).output.path;
    assert.equal(file('fileName: f'), 'f');
    assert.equal(file('fileName: f, path: my/p'), 'my/p');
    assert.equal(file('fileName: f, path: ""'), 'f');
    assert.match(mistakesOf('gcp', gcp(`- {resourceName: ${name}}`))[0] ?? '', /secrets\[0\]\.path.*is missing/);
    assert.match(mistakesOf('gcp', gcp(`- {resourceName: ${name}, fileName: ../x}`))[0] ?? '', /fileName/);
  });

  it('reads one resource once, and gives each of its files an id of its own', () => {
    const secrets = `- {resourceName: ${name}, path: a}\n- {resourceName: ${name}, path: b}`;
    const { sources, outputs } = planOf('gcp', gcp(secrets));
    assert.equal(sources.length, 1);
    assert.deepEqual(
      outputs.map(({ versionId }) => versionId),
      [name, `${name}#b`],
    );
  });

  it('has the resource in the place of an entry that cannot be read, where several fail', () => {
    const { at } = onlyFile('gcp', entry('')).output;
    assert.deepEqual(at, { path: 'secrets[0]', name, line: 1 });
    const long = `projects/${'p'.repeat(100)}/secrets/s/versions/1`;
    assert.equal(onlyFile('gcp', gcp(`- {resourceName: ${long}, path: a}`)).output.at.name, 'a');
  });

  it('names the file that two entries have in common', () => {
    const twice = gcp(`- {resourceName: ${name}, path: a}\n- {resourceName: ${name}, path: a}`);
    assert.deepEqual(mistakesOf('gcp', twice), [
      `secrets[1] "${name}" (line 2): and secrets[0] "${name}" (line 1) write the same file: "a"`,
    ]);
  });

  it('names entries by their place in secrets', () => {
    assert.match(mistakesOf('gcp', {})[0] ?? '', /^secrets: is missing or empty.*resourceName: projects/);
    assert.match(mistakesOf('gcp', gcp('- '))[0] ?? '', /^secrets\[0\].*is empty/);
    assert.match(mistakesOf('gcp', gcp('a: ['))[0] ?? '', /^secrets \(line 1\): is not valid YAML/);
    const stray = mistakesOf('gcp', { resourceName: name });
    assert.match(stray[0] ?? '', /^parameters\.resourceName: belongs into the list secrets/);
  });

  it('knows pod-adc and provider-adc', () => {
    const settings = (auth: string) => {
      const { connection } = onlyFile('gcp', { ...entry(''), auth }).source.access;
      return connection.kind === 'inline' ? connection.settings : undefined;
    };
    assert.deepEqual(settings(''), {});
    assert.deepEqual(settings('pod-adc'), { auth: 'pod-adc' });
    assert.deepEqual(settings('provider-adc'), { auth: 'provider-adc' });
    assert.deepEqual(mistakesOf('gcp', { ...entry(''), auth: 'magic' }), [
      'parameters.auth: must be pod-adc or provider-adc, not "magic"',
    ]);
    const both = mistakesOf('gcp', { ...entry(''), auth: 'pod-adc', connection: 'c' });
    assert.match(both[0] ?? '', /a named connection brings its own auth/);
  });

  it('takes connections of the admin, for the class or an entry', () => {
    const { source } = onlyFile('gcp', { ...entry(''), connection: 'gcp-main' });
    assert.deepEqual(source.access.connection, { kind: 'named', name: 'gcp-main' });
    const own = onlyFile('gcp', entry('connection: other')).source.access.connection;
    assert.deepEqual(own, { kind: 'named', name: 'other' });
  });

  it('warns of parameters and fields that the Go provider ignores', () => {
    assert.match(warningsOf('gcp', { ...entry(''), objects: 'x' })[0] ?? '', /did you mean secrets/);
    assert.match(
      warningsOf('gcp', entry('colour: blue'))[0] ?? '',
      /colour "a" .*: is not a known field and is ignored/,
    );
    for (const [fields, meant] of [
      ['filename: x', 'fileName'],
      ['filePermission: "0400"', 'mode'],
      ['encoding: base64', 'decode'],
    ] as const) {
      assert.deepEqual(mistakes(fields), []);
      assert.ok(warningsOf('gcp', entry(fields))[0]?.endsWith(`is ignored; did you mean ${meant}?`));
    }
    const nameless = gcp('- {resourcename: projects/p/secrets/a/versions/1, filename: a}');
    assert.match(mistakesOf('gcp', nameless).join(), /did you mean resourceName\?.*did you mean fileName\?/);
  });
});

describe('the mode of an entry', () => {
  const modes: [string, number | undefined][] = [
    ['mode: 0600', 0o600],
    ['mode: 0o600', 0o600],
    ['mode: 256', 0o400],
    ['mode: 0', 0],
    ['mode: "0600"', 0o600],
    ['mode: "600"', 0o600],
    ['mode: ~', undefined],
    ['mode:', undefined],
  ];
  for (const [fields, mode] of modes)
    it(`is ${mode?.toString(8)} for ${fields}`, () => assert.equal(fileOf(fields).mode, mode));

  for (const fields of [
    'mode: 01777',
    'mode: -1',
    'mode: "-rw-------"',
    'mode: 600',
    'mode: 1.5',
    'mode: "0800"',
    'mode: [1]',
    'mode: ""',
  ]) {
    it(`is not ${fields}`, () => assert.match(mistakes(fields).join(), /secrets\[0\]\.mode/));
  }

  it('is a decimal number where it looks like an octal one, which is warned of', () => {
    assert.equal(fileOf('mode: 400').mode, 400);
    assert.match(
      warningsOf('gcp', entry('mode: 400'))[0] ?? '',
      /mode "a" .*: is the decimal number 400; the octal mode is 0400/,
    );
    assert.match(mistakes('mode: 600')[0] ?? '', /unquoted it is a decimal number, write 0600/);
  });
});

describe('what of a secret an entry takes', () => {
  it('is a key of a JSON or YAML text', () => {
    assert.deepEqual(fileOf('extractJSONKey: user').select, { textKey: 'user', of: 'json' });
    assert.deepEqual(fileOf('extractYAMLKey: user').select, { textKey: 'user', of: 'yaml' });
    assert.deepEqual(fileOf('extractJSONKey: ""').select, { whole: 'keys' });
  });

  it('is one of several ways to say so', () => {
    const both = mistakes('extractJSONKey: a, extractYAMLKey: a');
    assert.match(both[0] ?? '', /extractYAMLKey.*cannot be combined with extractJSONKey/);
    assert.match(mistakes('extractJSONKey: a, key: b')[0] ?? '', /key.*cannot be combined with extractJSONKey/);
    assert.deepEqual(fileOf('key: user').select, { key: 'user' });
    assert.deepEqual(fileOf('jmesPath: a.b').select, { jmesPath: 'a.b' });
    assert.equal(fileOf('decode: base64').decode, 'base64');
    assert.equal(fileOf('optional: true').optional, true);
  });
});

describe('the resource name of an entry', () => {
  const addressOf = (resourceName: string, more = '') =>
    onlyFile('gcp', gcp(`- {resourceName: "${resourceName}", path: a${more}}`)).source;
  const wrong = (resourceName: string, more = '') =>
    mistakesOf('gcp', gcp(`- {resourceName: "${resourceName}", path: a${more}}`))[0] ?? '';

  it('is any that the Go provider knows', () => {
    const names = [
      'projects/p/secrets/s/versions/3',
      'projects/p/secrets/s/versions/stable',
      'projects/p/locations/us-central1/secrets/s/versions/latest',
      'projects/p/locations/global/parameters/n/versions/v1',
      'projects/p/locations/us-central1/parameters/n/versions/v1',
    ];
    for (const each of names) assert.equal(addressOf(each).address, each);
  });

  it('is not one that only looks right', () => {
    assert.match(wrong('projects/p/secrets/s/versions/'), /unknown resource type/);
    assert.match(wrong('projects/p/parameters/s/versions/1'), /a parameter is written with \/locations\/global\//);
    assert.match(wrong('projects//secrets/s/versions/1'), /unknown resource type/);
    assert.match(wrong('junk/projects/p/secrets/s/versions/1'), /"junk\/.*it must begin with projects\/p/);
    assert.match(
      wrong(`projects/p/locations/${'l'.repeat(31)}/secrets/s/versions/1`),
      /Invalid location: l+, location/,
    );
    assert.match(wrong('projects/p/locations/a.b/secrets/s/versions/1'), /Invalid location/);
    assert.match(wrong('projects/p/secrets/s'), /lacks its version: write projects\/p\/secrets\/s\/versions\/latest/);
    assert.match(wrong(''), /resourceName "a" .*: is missing/);
  });

  it('may leave its version to the field version, which pins it', () => {
    const source = addressOf('projects/p/secrets/s', ', version: 3');
    assert.deepEqual([source.address, source.refresh], ['projects/p/secrets/s/versions/3', 'once']);
    assert.match(wrong(name, ', version: 3'), /version.*cannot be combined with a version in resourceName/);
  });

  it('pins nothing by its number, for a disabled version must be noticed', () => {
    assert.equal(addressOf('projects/p/secrets/s/versions/3').refresh, undefined);
  });
});
