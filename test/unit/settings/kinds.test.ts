import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseListenAddress } from '../../../provider/settings/address.ts';
import type { Kind } from '../../../provider/settings/kind.ts';
import {
  addressPattern,
  bytes,
  kubernetesLabel,
  kubernetesName,
  line,
  listenAddress,
  mountPath,
  path,
  proxyUrl,
  serverAddress,
} from '../../../provider/settings/kinds.ts';

const takes = (kind: Kind<unknown>, text: string) => 'value' in kind.read([text]);

const table: readonly [string, Kind<unknown>, string[], string[]][] = [
  [
    'an address to listen on',
    listenAddress,
    [':8080', '0.0.0.0:80', '127.0.0.1:0', '[::1]:9', 'localhost:65535'],
    ['8080', 'a', 'a:', 'a:65536', '::1:80', 'http://a:1', 'a b:1', '[::1]', 'a:1/'],
  ],
  [
    'the address of a server',
    serverAddress,
    ['https://vault:8200', 'http://10.0.0.1', 'https://[::1]:8200/', 'https://v/prefix', 'unix:///run/agent.sock'],
    [
      'vault:8200',
      'https://',
      'https://u:p@v',
      'https://u@v',
      'https://v?x',
      'https://v#x',
      'ftp://v',
      'unix://run',
      'https://v:99999',
      'https:/v',
      ' https://v',
      'https://v\n',
    ],
  ],
  [
    'a pattern of addresses',
    addressPattern,
    ['https://vault:8200', 'https://*.vault.example:8200', 'http://*', 'https://[::1]:8200', 'unix:///run/agent.sock'],
    [
      '*',
      'https://v*.example',
      'https://**.example',
      'https://v/path',
      'https://v:*',
      'https://u@v',
      'https://v..x',
      'unix:///run/*',
      '*://v',
      'https://v:99999',
    ],
  ],
  [
    'the URL of a proxy',
    proxyUrl,
    ['http://p:3128', 'https://u:p@proxy', 'p:3128', 'p', 'socks5://p:1', 'socks5h://u:p@[::1]'],
    ['socks4://p:1', 'socks5://', 'socks5://p/x', 'http://p/x', 'http://p?x', 'http://', 'a b'],
  ],
  [
    'a Kubernetes name',
    kubernetesName,
    ['a', 'a-b.c', '0', 'a'.repeat(253)],
    ['', 'A', 'a_b', '-a', 'a-', 'a..b', '.a', 'a'.repeat(254), 'a/b', 'a\n'],
  ],
  ['a namespace', kubernetesLabel, ['kube-system', 'a'.repeat(63)], ['a.b', 'a'.repeat(64), '']],
  [
    'an auth mount',
    mountPath,
    ['kubernetes', 'clusters/blue', 'k8s_1.x'],
    ['', '/k', 'k/', 'a//b', '..', 'a/../b', 'a?b', 'a%2fb', 'a b'],
  ],
  ['a path', path, ['/', '/a b'], ['', 'a', './a', '/a\0']],
  ['a line of text', line, ['', 'team-a/ü'], ['a\nb', 'a\rb', 'a\0']],
  ['a size', bytes, ['1024', '1KiB', '4 MiB', '1GiB'], ['1023', '1025MiB', '2GiB', '4MB', '4mib', '-1', '1.5MiB', '']],
];

for (const [what, kind, good, bad] of table) {
  describe(what, () => {
    for (const text of good) it(`may be ${JSON.stringify(text.slice(0, 40))}`, () => assert.ok(takes(kind, text)));
    for (const text of bad) it(`is not ${JSON.stringify(text.slice(0, 40))}`, () => assert.ok(!takes(kind, text)));
  });
}

describe('a size', () => {
  it('is read back as it is shown', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2 ** 10, max: 2 ** 30 }), (value) => {
        assert.deepEqual(bytes.read([bytes.show(value)]), { value });
      }),
    );
    assert.deepEqual(
      [4_194_304, 4_063_232, 1025].map((value) => bytes.show(value)),
      ['4MiB', '3968KiB', '1025'],
    );
  });
});

describe('an address to listen on', () => {
  it('has a host unless it means every address', () => {
    assert.deepEqual(parseListenAddress(':80'), { host: undefined, port: 80 });
    assert.deepEqual(parseListenAddress('[::1]:80'), { host: '::1', port: 80 });
  });
});

describe('a proxy', () => {
  it('without a scheme is an http one', () => assert.deepEqual(proxyUrl.read(['p:3128']), { value: 'http://p:3128' }));
});
