import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseMountFlags } from '../../../provider/commands/mount-flags.ts';

describe('the flags of keymount mount', () => {
  it('default to a made-up pod', () => {
    assert.deepEqual(parseMountFlags(['class.yaml']), {
      classFile: 'class.yaml',
      className: undefined,
      namespace: undefined,
      pod: 'dry-run',
      podUid: '00000000-0000-0000-0000-000000000000',
      serviceAccount: 'default',
      tokenFiles: new Map(),
      out: undefined,
      settings: [],
    });
  });

  it('stand in any order between those of the settings', () => {
    const flags = parseMountFlags([
      '--config',
      '/etc/keymount.yaml',
      '--namespace=shop',
      'class.yaml',
      '--takeover',
      '--pod',
      'web-1',
      '--log-level=debug',
      '--service-account',
      'web',
      '--pod-uid',
      'u',
      '--class',
      'c',
      '--out',
      'd',
    ]);
    assert.deepEqual(flags.settings, ['--config', '/etc/keymount.yaml', '--takeover', '--log-level=debug']);
    const { classFile, namespace, pod, serviceAccount, podUid, className, out } = flags;
    assert.deepEqual(
      [classFile, namespace, pod, serviceAccount, podUid, className, out],
      ['class.yaml', 'shop', 'web-1', 'web', 'u', 'c', 'd'],
    );
  });

  it('take tokens for several audiences, which may be URLs', () => {
    const { tokenFiles, settings } = parseMountFlags(['c', '--token', 'vault=/a', '--token=https://x/?a=b=/tmp/t']);
    assert.deepEqual(
      [...tokenFiles],
      [
        ['vault', '/a'],
        ['https://x/?a=b', '/tmp/t'],
      ],
    );
    assert.deepEqual(settings, []);
  });

  it('leave what is unknown to the settings, which refuse it', () => {
    assert.deepEqual(parseMountFlags(['c', '--nmespace', 'x', 'y']).settings, ['--nmespace', 'x', 'y']);
  });

  for (const [name, argv, message] of [
    ['no file', [], /file with the SecretProviderClass is missing/],
    ['a flag without its value', ['c', '--pod'], /--pod needs a value/],
    ['an empty value', ['c', '--pod='], /--pod needs a value/],
    ['a token without a file', ['c', '--token', 'vault'], /--token must be AUDIENCE=FILE/],
    ['a token without an audience', ['c', '--token', '=f'], /--token must be AUDIENCE=FILE/],
  ] as const) {
    it(`are refused with ${name}`, () => {
      assert.throws(() => parseMountFlags(argv), { code: 'settings-invalid', message });
    });
  }
});
