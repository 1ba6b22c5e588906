import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, type Respond, text } from '../e2e/fake-vault.ts';

/** A Vault whose answers a class chooses by the names that it asks for. */
export interface OddVault {
  /** Answers every request with HTTP. */
  readonly address: string;
  /** Another server: its answers break off, never end or are no HTTP. */
  readonly brokenAddress: string;
  close(): Promise<void>;
}

const redirect =
  (to: string): Respond =>
  (response) =>
    void response.writeHead(307, { location: to }).end();

/** What a login or a read may be answered with. `good` is what Vault answers. */
export const oddAnswers: Readonly<Record<string, Respond>> = {
  nothing: (response) => void response.writeHead(204).end(),
  empty: text(''),
  braces: json({}),
  null: text('null'),
  list: json([1]),
  number: text('1e400'),
  half: text('{"auth":{"client_token":"hvs.'),
  deep: text(`{"data":${'['.repeat(5_000)}${']'.repeat(5_000)}}`),
  nulls: json({ auth: null, data: null, warnings: null }),
  values: json({ auth: 'x', data: 'x', lease_id: 7 }),
  token: json({ auth: { client_token: 'a\r\nb: c' }, data: [] }),
  proto: text(
    '{"__proto__":{"auth":1},"data":{"data":{"__proto__":{"key":"x"},"constructor":"y"},"metadata":{"version":1}}}',
  ),
  page: text('<html><body>Sign in</body></html>', 'text/html'),
  'page-404': text('<html>no</html>', 'text/html', 404),
  'odd-errors': json({ errors: { message: 7 } }, 400),
  'long-errors': json({ errors: ['long '.repeat(1_000)] }, 403),
  'many-lines': json({ errors: ['1 error occurred:\n\t* one\n\t* two\r\n\u2028three\u0000'] }, 403),
  missing: json({ errors: [] }, 404),
  sealed: json({ errors: ['Vault is sealed'] }, 503),
  limited: (response) => void response.writeHead(429, { 'retry-after': '0' }).end('{"errors":["slow down"]}'),
  circle: (response, { url = '/' }) => redirect(url)(response, { url } as never),
  nowhere: redirect(''),
  file: redirect('file:///etc/passwd'),
  elsewhere: redirect('http://127.0.0.1:1/v1/secret'),
  large: text(`{"data":{"data":{"key":"${'x'.repeat(30_000)}"}}}`),
  latin1: (response) => void response.end(Buffer.from('{"data":{"data":{"key":"\xe9"}}}', 'latin1')),
};

const brokenAnswers: Readonly<Record<string, Respond>> = {
  close: (response) => void response.destroy(),
  cut(response) {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
    response.write('{"data":', () => response.destroy());
  },
  ssh: (response) => void response.socket?.end('SSH-2.0-OpenSSH_9.9\r\n'),
  upgrade: (response) => void response.writeHead(101, { upgrade: 'h2c', connection: 'upgrade' }).end(),
  never: (response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
};

const good: Readonly<Record<'login' | 'read', Respond>> = {
  login: json({ auth: { client_token: `hvs.${'A1'.repeat(12)}`, lease_duration: 3600, renewable: true } }),
  read: json({ data: { data: { key: 'the value' }, metadata: { version: 1 } } }),
};

export const brokenNames = Object.keys(brokenAnswers);

/** A login as role `NAME`, or a read of `secret/data/NAME/…`, gets the answer of that name, and the good one of any other name. */
export async function startOddVault(): Promise<OddVault> {
  const servers = [await listen(listener(oddAnswers)), await listen(listener(brokenAnswers))] as const;
  const addressOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address: addressOf(servers[0]),
    brokenAddress: addressOf(servers[1]),
    async close() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

function listener(answers: Readonly<Record<string, Respond>>): RequestListener {
  const answer = (name: string) => (Object.hasOwn(answers, name) ? answers[name] : undefined);
  return (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('error', () => {});
    request.on('end', () => {
      const path = (request.url ?? '/').split('/').slice(2).map(decoded);
      const respond =
        path.at(-1) === 'login' ? (answer(roleIn(body)) ?? good.login) : (answer(path[2] ?? '') ?? good.read);
      respond(response, request);
      endUnanswered(response);
    });
  };
}

/** Half an answer must not hold its socket for ever, should the client do so. */
function endUnanswered(response: ServerResponse): void {
  if (!response.writableEnded) setTimeout(() => response.destroy(), 5_000).unref();
}

function roleIn(body: string): string {
  try {
    return String((JSON.parse(body) as { role?: unknown }).role);
  } catch {
    return '';
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function listen(handler: RequestListener): Promise<Server> {
  const server = createServer(handler);
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
