import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { onlyFile, warningsOf } from '../a-class.ts';

const golden = JSON.parse(readFileSync(new URL('../golden-aws/golden.json', import.meta.url), 'utf8')) as {
  in: string;
  out: string | null;
}[];

const classOf = (objects: string) => ({ region: 'eu-west-1', pathTranslation: 'False', objects });

describe('scalars of an AWS class', () => {
  it('become the text that the AWS provider makes of them', () => {
    const known = golden.filter(({ out }) => out !== null);
    assert.ok(known.length > 100);
    const different = known.flatMap(({ in: text, out }) => {
      const objects = `- objectName: a\n  objectType: secretsmanager\n  objectVersion: ${text}\n`;
      const { version } = onlyFile('aws', classOf(objects)).source;
      return version === out ? [] : [{ text, wanted: out, is: version }];
    });
    assert.deepEqual(different, []);
  });

  it('are a warning where they become something else', () => {
    const objects = '- {objectName: n, objectType: secretsmanager}\n- {objectName: "n", objectType: secretsmanager}';
    assert.deepEqual(warningsOf('aws', classOf(objects)), [
      'objects[0].objectName (line 1): is n, which YAML 1.1 takes for "false"; put it in quotes if it is meant as written',
    ]);
    assert.deepEqual(warningsOf('aws', classOf('- {objectName: a, objectType: ssmparameter, objectVersion: 3}')), []);
  });

  it('stay as they are written in keys of ours', () => {
    const { output } = onlyFile('aws', classOf('- {objectName: a, objectType: secretsmanager, mode: 0400, key: no}'));
    assert.equal(output.mode, 0o400);
    assert.deepEqual(output.select, { key: 'no' });
  });

  it('stand behind keys in any case, the exact one first', () => {
    const { source } = onlyFile('aws', classOf('- {ObjectName: a, OBJECTTYPE: secretsmanager, objectversion: "1"}'));
    assert.deepEqual([source.address, source.version], ['secretsmanager:a', '1']);
    const both = classOf('- {ObjectName: other, objectName: a, objectType: secretsmanager}');
    assert.equal(onlyFile('aws', both).source.address, 'secretsmanager:a');
    assert.match(warningsOf('aws', both).join(), /ObjectName .*is given beside objectName, which counts/);
  });
});
