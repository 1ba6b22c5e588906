import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, afterEach, before, it } from 'node:test';
import { texts } from '../lab/grpc-client.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { type FakeVault, json, loginCall, type Respond, secretCall, startFakeVault, text } from './fake-vault.ts';
import { canaries, forEachBuild, type Keymount, startKeymount } from './keymount.ts';
import { assertRefused } from './messages.ts';
import { passwordClass, requestOf } from './requests.ts';

const issuer = createTokenIssuer();
const password = canaries.plant('the password');
const token = canaries.plantToken('the Vault token', 'hvs.');
const elsewhere = await startFakeVault(canaries.plantToken('a token of another server', 'hvs.'), password);
after(() => elsewhere.close());

const redirect =
  (to: string, status = 307): Respond =>
  (response) =>
    void response.writeHead(status, { location: to }).end();

const circle: Respond = (response, incoming) => redirect(incoming.url ?? '/')(response, incoming);

/** Each what it is, how it is answered, and the code that a login and a read of it end with. */
const oddities: [what: string, respond: Respond, login: string, read: string][] = [
  ['204 without a body', (response) => void response.writeHead(204).end(), 'login-failed', 'backend-reply-invalid'],
  ['200 without a body', text(''), 'login-failed', 'backend-reply-invalid'],
  ['{}', json({}), 'login-failed', 'backend-reply-invalid'],
  ['null', text('null'), 'login-failed', 'backend-reply-invalid'],
  ['a list', json([1]), 'login-failed', 'backend-reply-invalid'],
  ['a number', text('1e400'), 'login-failed', 'backend-reply-invalid'],
  ['JSON that ends early', text('{"auth":{"client_token":"hvs.'), 'login-failed', 'backend-reply-invalid'],
  [
    'JSON of 100,000 levels',
    text(`{"data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    'login-failed',
    'backend-reply-invalid',
  ],
  [
    'nulls in the right places',
    json({ auth: null, data: null, warnings: null }),
    'login-failed',
    'backend-reply-invalid',
  ],
  [
    'the right names with odd values',
    json({ auth: 'x', data: 'x', lease_id: 7 }),
    'login-failed',
    'backend-reply-invalid',
  ],
  [
    'an auth with an odd token',
    json({ auth: { client_token: 'a\r\nb: c' }, data: [] }),
    'login-failed',
    'backend-reply-invalid',
  ],
  ['a web page', text('<html><body>Sign in</body></html>', 'text/html'), 'login-failed', 'backend-reply-invalid'],
  ['a web page with 404', text('<html>no</html>', 'text/html', 404), 'login-denied', 'secret-missing'],
  ['errors that are none', json({ errors: { message: 7 } }, 400), 'login-denied', 'backend-rejected'],
  ['errors of 1 MB', json({ errors: [`${'long '.repeat(200_000)}`] }, 403), 'login-denied', 'secret-denied'],
  [
    'errors whose end is cut off within a character',
    json({ errors: [`a${'😀'.repeat(400)}`] }, 403),
    'login-denied',
    'secret-denied',
  ],
  [
    'errors of many lines',
    json({ errors: ['1 error occurred:\n\t* one\n\t* two\r\n\u2028three\u0000'] }, 403),
    'login-denied',
    'secret-denied',
  ],
  ['a redirect in a circle', circle, 'backend-redirect', 'backend-redirect'],
  ['a redirect to nowhere', redirect(''), 'backend-redirect', 'backend-redirect'],
  ['a redirect to something else than HTTP', redirect('file:///etc/passwd'), 'backend-redirect', 'backend-redirect'],
  [
    'a redirect to another host',
    redirect(`${elsewhere.address}/v1/secret/data/app`),
    'backend-redirect',
    'backend-redirect',
  ],
  [
    'a redirect to another name of that host',
    redirect(elsewhere.address.replace('127.0.0.1', 'localhost'), 302),
    'backend-redirect',
    'backend-redirect',
  ],
  ['50 MB', stream(50 * 2 ** 20), 'backend-reply-invalid', 'backend-reply-invalid'],
  ['50 MB, announced', announce(50 * 2 ** 20), 'backend-reply-invalid', 'backend-reply-invalid'],
  ['a body that ends before its length', cutShort, 'backend-reply-invalid', 'backend-reply-invalid'],
  ['a body that never ends', drip, 'backend-unreachable', 'backend-unreachable'],
  ['a connection that closes', (response) => void response.destroy(), 'backend-unreachable', 'backend-unreachable'],
  [
    'something else than HTTP',
    (response) => void response.socket?.end('SSH-2.0-OpenSSH_9.9\r\n'),
    'backend-reply-invalid',
    'backend-reply-invalid',
  ],
  [
    'another protocol',
    (response) => void response.writeHead(101, { upgrade: 'h2c', connection: 'upgrade' }).end(),
    'backend-reply-invalid',
    'backend-reply-invalid',
  ],
];

forEachBuild('a server that answers oddly', (build) => {
  let vault: FakeVault;
  let keymount: Keymount;
  before(async () => {
    vault = await startFakeVault(token, password);
    const args = ['--vault-addr', vault.address, '--vault-timeout', '400ms', '--vault-retries', '0'];
    keymount = await startKeymount({ build, args: [...args, '--refresh-interval', '0'] });
  });
  afterEach(() => {
    vault.reset();
    assert.equal(elsewhere.requests().length, 0, 'the other server was asked');
  });
  after(async () => {
    await keymount.stop();
    await vault.close();
  });
  const mount = () => keymount.mount('vault', requestOf(issuer, { parameters: passwordClass }));

  for (const [what, respond, login, read] of oddities) {
    it(`with ${what}`, async () => {
      for (const [call, code] of [
        [loginCall, login],
        [secretCall, read],
      ] as const) {
        vault.on(call, respond);
        const outcome = await mount();
        assertRefused(outcome, statusOf(outcome), code, 'objects[0] "password" (line 1): ');
        vault.reset();
        assert.deepEqual(texts(await mount()), { password });
      }
    });
  }

  it('says what it has seen of a login without a token', async () => {
    vault.on(loginCall, json({}));
    assertRefused(
      await mount(),
      'FAILED_PRECONDITION',
      'login-failed',
      'auth/kubernetes as role "app"',
      'no auth part',
    );
    vault.on(loginCall, json({ auth: { mfa_requirement: {}, client_token: '' } }));
    assertRefused(await mount(), 'FAILED_PRECONDITION', 'login-failed', 'second factor');
  });

  it('never repeats tokens that a server quotes', async () => {
    vault.on(loginCall, (response, incoming) => {
      const { jwt } = JSON.parse(vault.requests().at(-1)?.body ?? '{}') as { jwt: string };
      json({ errors: [`cannot parse ${jwt}`, `in ${JSON.stringify({ jwt })}`] }, 400)(response, incoming);
    });
    assertRefused(await mount(), 'PERMISSION_DENIED', 'login-denied', '[secret]');
    vault.reset();
    vault.on(secretCall, json({ errors: [`token ${token} is odd`, `X-Vault-Token: ${token}`] }, 403));
    assertRefused(await mount(), 'PERMISSION_DENIED', 'secret-denied', '[secret]');
  });

  it('shows its token to nobody but the server of the class', () => {
    assert.equal(elsewhere.requests().length, 0);
  });
});

function statusOf(outcome: Awaited<ReturnType<Keymount['mount']>>): string {
  return 'code' in outcome ? outcome.code : 'OK';
}

/** So many bytes of a secret, without saying before how many. */
function stream(bytes: number): Respond {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"data":{"data":{"password":"');
    let left = bytes;
    const more = () => {
      while (left > 0 && !response.destroyed) {
        left -= chunk.length;
        if (!response.write(chunk)) return;
      }
      response.end('"}}}');
    };
    response.on('drain', more);
    more();
  };
}

const chunk = Buffer.alloc(2 ** 18, 'x');

function announce(bytes: number): Respond {
  return (response) => void response.writeHead(200, { 'content-length': bytes }).write(chunk);
}

function cutShort(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
  response.write('{"data":', () => response.destroy());
}

/** A byte now and then, for ever. */
function drip(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const timer = setInterval(() => response.write(' '), 50);
  response.on('close', () => clearInterval(timer));
}
