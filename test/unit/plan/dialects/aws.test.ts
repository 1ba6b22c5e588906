import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mistakesOf, onlyFile, type Parameters, planOf, warningsOf } from '../a-class.ts';

const region = 'eu-west-1';
const classOf = (objects: string, more: Parameters = {}): Parameters => ({ region, objects, ...more });
const secret = (fields: string, more: Parameters = {}) => classOf(`- {objectType: secretsmanager, ${fields}}`, more);
const parameter = (fields: string, more: Parameters = {}) => classOf(`- {objectType: ssmparameter, ${fields}}`, more);
const mistakes = (parameters: Parameters) => mistakesOf('aws', parameters);
const settingsOf = (more: Parameters) => {
  const { connection } = onlyFile('aws', secret('objectName: a', more)).source.access;
  return connection.kind === 'inline' ? connection.settings : undefined;
};

describe('the parameters of an AWS class', () => {
  it('say where and as whom, and nothing that is left to the settings', () => {
    assert.deepEqual(settingsOf({}), { region });
    assert.deepEqual(settingsOf({ region: '' }), {});
    assert.deepEqual(settingsOf({ failoverRegion: 'us-east-1', usePodIdentity: 'T', preferredAddressType: 'IPv6' }), {
      region,
      failoverRegion: 'us-east-1',
      podIdentity: true,
      addressType: 'ipv6',
    });
    assert.deepEqual(settingsOf({ usePodIdentity: '0', preferredAddressType: 'junk' }), { region });
  });

  it('may name a role to go on to', () => {
    const assumeRoleArn = 'arn:aws:iam::123456789012:role/path/reader';
    assert.deepEqual(settingsOf({ assumeRoleArn, assumeRoleExternalId: 'x:1', assumeRoleDurationSeconds: '900' }), {
      region,
      assumeRoleArn,
      assumeRoleExternalId: 'x:1',
      assumeRoleDurationSeconds: '900',
    });
    assert.deepEqual(mistakes(secret('objectName: a', { assumeRoleExternalId: 'xy' })), [
      'parameters.assumeRoleExternalId: has no effect without assumeRoleArn',
    ]);
    const odd = { assumeRoleArn: 'reader', assumeRoleDurationSeconds: '60', assumeRoleSessionName: 'a b' };
    assert.equal(mistakes(secret('objectName: a', odd)).length, 3);
  });

  it('are refused where they make no sense, all at once', () => {
    const odd = { region: 'evil.example/', usePodIdentity: 'yes', pathTranslation: '--', failoverRegion: 'X' };
    assert.deepEqual(mistakes(secret('objectName: a', odd)), [
      'parameters.region: must be a region, as eu-central-1, not "evil.example/"',
      'parameters.failoverRegion: must be a region, as eu-central-1, not "X"',
      'parameters.pathTranslation: must be either "False" or a single character, not "--"',
      'parameters.usePodIdentity: must be "true" or "false", not "yes"',
    ]);
    assert.deepEqual(mistakes(secret('objectName: a', { failoverRegion: region })), [
      'parameters.failoverRegion: eu-west-1: failover region cannot be the same as the primary region',
    ]);
  });

  it('that do nothing are a warning, with what they may mean', () => {
    assert.deepEqual(warningsOf('aws', secret('objectName: a', { roleArn: 'x' })), [
      'parameters.roleArn: is not a known parameter and is ignored; did you mean assumeRoleArn?',
    ]);
  });

  it('may name a connection instead, which brings all of that itself', () => {
    const named = { region: '', connection: 'main' };
    const { access, address } = onlyFile('aws', classOf('- objectName: prod/db', named)).source;
    assert.deepEqual([access, address], [{ connection: { kind: 'named', name: 'main' } }, 'prod/db']);
    assert.deepEqual(mistakes(classOf('- objectName: prod/db', { connection: 'main' })), [
      'parameters.connection: a named connection brings its own region: remove either the connection or those parameters',
    ]);
  });
});

describe('an object of an AWS class', () => {
  it('has the last of a field that is given twice, with a warning, as sigs.k8s.io/yaml reads it', () => {
    const twice = classOf('- objectName: s\n  objectType: secretsmanager\n  objectAlias: one\n  objectAlias: two\n');
    assert.deepEqual(mistakes(twice), []);
    assert.equal(onlyFile('aws', twice).output.path, 'two');
    assert.deepEqual(warningsOf('aws', twice), [
      'objects (line 4): has the key "objectAlias" twice (first on line 3): this one counts',
    ]);
  });

  it('is a file with the name or alias of the object, each slash translated', () => {
    const pathOf = (fields: string, more?: Parameters) => onlyFile('aws', secret(fields, more)).output.path;
    assert.equal(pathOf('objectName: /prod/db'), '_prod_db');
    assert.equal(pathOf('objectName: prod/db, objectAlias: my/db'), 'my_db');
    assert.equal(pathOf('objectName: prod/db', { pathTranslation: '-' }), 'prod-db');
    assert.equal(pathOf('objectName: /prod/db', { pathTranslation: 'fAlSe' }), 'prod/db');
  });

  it('has the version of AWS, and is the whole secret', () => {
    const { output, source } = onlyFile('aws', secret('objectName: a, objectVersionLabel: AWSPREVIOUS'));
    assert.deepEqual(output.select, { whole: 'keys' });
    assert.equal(output.backendVersion, true);
    assert.equal(source.address, 'secretsmanager:a?label=AWSPREVIOUS');
    assert.equal(source.refresh, undefined);
  });

  it('with a version is read once', () => {
    const { source } = onlyFile('aws', parameter('objectName: /a, objectVersion: 3'));
    assert.deepEqual([source.address, source.version, source.refresh], ['ssm:/a', '3', 'once']);
  });

  it('has further files for its jmesPath entries, with their own mode or the object’s', () => {
    const objects = `
- objectName: db
  objectType: secretsmanager
  filePermission: "0600"
  jmesPath:
    - {Path: username, ObjectAlias: user, filePermission: "0444"}
    - {path: '"pass-word"', objectAlias: config/pw, decode: base64}`;
    const { sources, outputs } = planOf('aws', classOf(objects));
    assert.equal(sources.length, 1);
    assert.deepEqual(
      outputs.map(({ path, mode, select, decode }) => [path, mode, select, decode]),
      [
        ['db', 0o600, { whole: 'keys' }, 'utf-8'],
        ['user', 0o444, { jmesPath: 'username' }, 'utf-8'],
        ['config_pw', 0o600, { jmesPath: '"pass-word"' }, 'base64'],
      ],
    );
  });

  it('takes jmesPath as a text too: then the file is what it finds', () => {
    const { output } = onlyFile('aws', secret('objectName: a, jmesPath: db.password'));
    assert.deepEqual(output.select, { jmesPath: 'db.password' });
  });

  it('says what is wrong with its jmesPath entries', () => {
    const entries =
      'jmesPath: [{objectAlias: a}, {path: b}, {path: c-d, objectAlias: e}, {path: f, objectAlias: ../g}, h]';
    assert.deepEqual(mistakes(secret(`objectName: x, ${entries}`, { pathTranslation: 'False' })), [
      'objects[0].jmesPath[0].path "x" (line 1): must be specified for a JMES object',
      'objects[0].jmesPath[1].objectAlias "x" (line 1): must be specified for a JMES object',
      'objects[0].jmesPath[2].path "x" (line 1): c-d is not valid JMESPath; a key with a dash wants double quotes, as "db-password"',
      'objects[0].jmesPath[3].objectAlias "x" (line 1): "../g" is no path that the driver takes: it must not contain \'..\'',
      'objects[0].jmesPath[4] "x" (line 1): must have the fields path and objectAlias',
    ]);
  });

  it('takes four octal digits for its permission', () => {
    const mistake = (text: string) => mistakes(secret(`objectName: a, filePermission: ${text}`))[0] ?? '';
    for (const text of ['0644', '"0900"', 'abc9', '"000"', '"00000"', '"4755"'])
      assert.match(mistake(text), /four octal digits/, text);
    assert.match(mistake('0644'), /not "420"$/);
    for (const text of ['"0644"', '"0777"', '""']) assert.equal(mistake(text), '', text);
  });

  it('follows the rules for ARNs and types', () => {
    const arn = (service: string, where = region) => `arn:aws:${service}:${where}:123456789012:secret:x`;
    const first = (fields: string) => mistakes(classOf(`- {${fields}}`))[0] ?? '';
    assert.equal(first(`objectName: "${arn('secretsmanager')}"`), '');
    assert.equal(first(`objectName: "${arn('ssm')}", objectType: ssmparameter`), '');
    assert.match(first('objectName: "arn::"'), /has an invalid ARN format: arn::/);
    assert.match(first(`objectName: "${arn('sts')}"`), /has the service sts in its ARN/);
    assert.match(first(`objectName: "${arn('ssm')}", objectType: secretsmanager`), /does not match the ARN/);
    assert.match(first(`objectName: "${arn('ssm', 'us-east-1')}"`), /whose region must be eu-west-1/);
    assert.match(first('objectName: a'), /objectType.*is missing/);
    assert.match(first('objectName: a, objectType: ssm'), /must be secretsmanager or ssmparameter, not ssm/);
    assert.match(first('objectType: secretsmanager'), /the object name must be specified/);
    assert.match(first('objectName: a?label=x, objectType: secretsmanager'), /must not contain \?/);
  });

  it('with a failover object has another name in the other region', () => {
    const more = { failoverRegion: 'us-east-1' };
    const { source } = onlyFile(
      'aws',
      secret('objectName: a, objectAlias: f, failoverObject: {objectName: b, objectVersionLabel: l}', more),
    );
    assert.equal(source.address, 'secretsmanager:a?failover=b&failoverLabel=l');
    const first = (fields: string, given: Parameters = more) => mistakes(secret(fields, given))[0] ?? '';
    assert.match(first('objectName: a, failoverObject: {objectName: b}'), /needs the objectAlias of the object: a/);
    assert.match(
      first('objectName: a, objectAlias: f, failoverObject: {objectName: b}', {}),
      /only when the failover region is defined/,
    );
    assert.match(
      first('objectName: a, objectAlias: f, objectVersion: "1", failoverObject: {objectName: b}'),
      /must match between primary and failover/,
    );
    assert.match(
      first('objectName: a, objectAlias: f, failoverObject: {objectVersionLabel: l}'),
      /the object name must be specified/,
    );
    const empty = secret('objectName: a, failoverObject: {objectName: }');
    assert.match(warningsOf('aws', empty)[0] ?? '', /failoverObject.*is empty and ignored/);
    assert.equal(onlyFile('aws', empty).source.address, 'secretsmanager:a');
    assert.match(
      mistakes(
        parameter(
          'objectName: a, objectAlias: f, objectVersion: 1, failoverObject: {objectName: b, objectVersion: 1, objectVersionLabel: l}',
          more,
        ),
      )[0] ?? '',
      /ssm parameters can not specify both objectVersion and objectVersionLabel: b/,
    );
  });

  it('of one name may differ in its alias, or in label and file', () => {
    const objects = (...fields: string[]) =>
      classOf(fields.map((each) => `- {objectName: db, objectType: secretsmanager${each}}`).join('\n'));
    const first = (...fields: string[]) => mistakes(objects(...fields))[0]?.replace(/^.*?: /, '') ?? '';
    const start = 'found descriptor with duplicate object name db';
    assert.equal(first('', ''), `${start}, no object alias, and no version label`);
    assert.equal(
      first(', objectAlias: a', ', objectAlias: a'),
      `${start}, duplicate object alias a, and no version label`,
    );
    assert.equal(
      first(', objectVersionLabel: l', ', objectVersionLabel: l'),
      `${start}, no object alias, and duplicate version label l`,
    );
    assert.equal(
      first(', objectAlias: a, objectVersionLabel: l', ', objectAlias: a, objectVersionLabel: m'),
      'found duplicate object alias a: objects[0] "db" (line 1) writes the same file',
    );
    assert.match(first(', objectVersionLabel: l', ', objectVersionLabel: m'), /write the same file/);
    assert.equal(first(', objectAlias: a', ', objectAlias: b'), '');
    assert.equal(first('', ', objectAlias: b'), '');
  });

  it('cannot have the file of another, which is named once', () => {
    const [first, ...others] = mistakes(
      secret('objectName: db, jmesPath: [{path: u, objectAlias: a/b}, {path: p, objectAlias: a_b}]'),
    );
    assert.deepEqual(
      [first, others],
      [
        'objects[0].jmesPath[1] "a_b" (line 1): found duplicate object alias a_b: objects[0].jmesPath[0] "a/b" (line 1) writes the same file',
        [],
      ],
    );
    assert.deepEqual(mistakes(secret('objectName: db, jmesPath: [{path: u, objectAlias: db}]')), [
      'objects[0].jmesPath[0] "db" (line 1): found duplicate object alias db: objects[0] "db" (line 1) writes the same file',
    ]);
    const names = ['a/b', 'a_b'].map((name) => `- {objectName: ${name}, objectType: secretsmanager}`);
    assert.deepEqual(mistakes(classOf(names.join('\n'))), [
      'objects[1] "a_b" (line 2): and objects[0] "a/b" (line 1) write the same file',
    ]);
  });

  it('of a named connection says to it what it takes it for', () => {
    const typeOf = (fields: string) =>
      onlyFile('aws', { connection: 'main', objects: `- {objectName: db${fields}}` }).source.type;
    assert.equal(typeOf(', objectType: ssmparameter'), 'ssm');
    assert.equal(typeOf(', objectType: secretsmanager'), 'secretsmanager');
    assert.equal(typeOf(''), undefined);
    assert.equal(onlyFile('aws', secret('objectName: db')).source.type, undefined);
    const own = onlyFile('aws', parameter('objectName: db, connection: main')).source;
    assert.deepEqual([own.address, own.type], ['db', 'ssm']);
  });

  it('must be in a list, and be something', () => {
    assert.match(mistakes(classOf('array:\n- objectName: a'))[0] ?? '', /must be the list itself/);
    assert.match(mistakes(classOf('-'))[0] ?? '', /must be an object with fields, but is empty/);
    assert.match(mistakes(classOf(''))[0] ?? '', /objectType: secretsmanager/);
    assert.match(mistakes({ region, objectName: 'a' })[0] ?? '', /belongs into the list objects/);
  });

  it('shares its read with others of the same version', () => {
    const objects = ['a', 'b', 'c, objectVersionLabel: l'].map(
      (alias) => `- {objectName: n, objectType: secretsmanager, objectAlias: ${alias}}`,
    );
    assert.equal(planOf('aws', classOf(objects.join('\n'))).sources.length, 2);
  });
});
