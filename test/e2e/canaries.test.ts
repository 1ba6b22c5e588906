import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startChild } from '../lab/child-process.ts';
import { Canaries } from './canaries.ts';

describe('the search for canaries', () => {
  const canaries = new Canaries();
  const secret = canaries.plant('the password');
  const noise = (text: string) => `{"level":"info","event":"mount"}\n${text}\n# HELP nothing\n`;
  const other = new Canaries().plant('another one');
  const inner = JSON.stringify({ password: secret });

  const writers: Record<string, (text: string) => string> = {
    'as it is': (text) => `password=${text};`,
    'cut short': (text) => `password=${text.slice(0, 32)}...`,
    'its end': (text) => text.slice(-32),
    'in JSON': (text) => JSON.stringify({ password: text }),
    'in JSON of Go': (text) => JSON.stringify(text).replaceAll('<', '\\u003c').replaceAll('&', '\\u0026'),
    'in JSON in JSON': (text) => JSON.stringify({ body: JSON.stringify({ password: text }) }),
    'in a query': (text) => `GET /v1/x?password=${encodeURIComponent(text)}`,
    'in a form': (text) => new URLSearchParams({ password: text }).toString(),
    'in base64': (text) => Buffer.from(text).toString('base64'),
    'in base64 one byte on': (text) => Buffer.from(`.${text}`).toString('base64'),
    'in base64 two bytes on': (text) => Buffer.from(`..${text}`).toString('base64'),
    'in base64url': (text) => Buffer.from(`app:${text}`).toString('base64url'),
    'in hex': (text) => Buffer.from(text).toString('hex'),
    'as a Buffer in JSON': (text) => JSON.stringify(Buffer.from(text)),
    'as an inspected Buffer': (text) => `<Buffer ${Buffer.from(text).toString('hex').replace(/(..)/g, '$1 ').trim()}>`,
  };
  for (const [way, write] of Object.entries(writers)) {
    it(`finds a secret ${way}`, () => {
      assert.equal(canaries.search('output', noise(write(secret)))[0]?.secret, 'the password', write(secret));
      assert.deepEqual(canaries.search('output', noise(write(other))), []);
    });
  }

  it('finds tokens, JWTs and keys that nobody planted', () => {
    const token = `hvs.${'A1'.repeat(12)}`;
    const jwt = `eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOlsidmF1bHQiXX0.sig`;
    for (const text of [token, `x-vault-token: s.${'b2'.repeat(12)}`, jwt, '-----BEGIN EC PRIVATE KEY-----']) {
      assert.equal(canaries.search('output', noise(text)).length, 1, text);
    }
    assert.deepEqual(canaries.search('output', noise('https://kubernetes.default.svc.cluster.local')), []);
  });

  it('fails a whole test file whose process shows a secret', async () => {
    const file = fileURLToPath(new URL('leak/leaking.ts', import.meta.url));
    const env = { PATH: process.env['PATH'] ?? '' };
    const run = await startChild(process.execPath, ['--test', '--test-reporter=tap', file], { env });
    assert.equal(await run.ended, 1, run.output());
    assert.match(run.output(), /^ok \d+ - passes$/m);
    assert.match(run.output(), /what was written on the command line, as it is, in the output of keymount/);
  });

  it('says what it found, where and how, and does not repeat the secret', () => {
    const [leak, ...more] = canaries.search('output of keymount', `reply: ${inner}`);
    assert.equal(more.length, 0);
    assert.deepEqual([leak?.secret, leak?.source], ['the password', 'output of keymount']);
    assert.ok(!JSON.stringify(leak).includes(secret.slice(0, 16)));
  });
});
