import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AdminSettings, BackendDeps, Login } from '../../../../provider/backends/backend.ts';
import type { VaultDropIn } from '../../../../provider/settings/settings.ts';
import { SecretString } from '../../../../provider/util/secret-string.ts';
import { contractDeps, noCluster } from '../../../backends/contract.ts';

export interface Asked {
  readonly method: string;
  /** Path and query, as sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Of the client: equal for requests of one connection. */
  readonly port: number | undefined;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  /** Sent as JSON, unless it is text or bytes. */
  readonly body?: unknown;
}

/** A server on 127.0.0.1 that answers what no real Vault would. Logins succeed with `tokens` unless `answer` says otherwise. */
export interface FakeVault {
  readonly address: string;
  readonly asked: Asked[];
  answer: (asked: Asked) => Answer | undefined | Promise<Answer | undefined>;
  close(): Promise<void>;
}

export const fakeToken = 'hvs.fake-token-0123456789abcdef';
export const fakeJwt = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ3ZWIifQ.c2lnbmF0dXJl';

export async function startFakeVault(answer: FakeVault['answer'] = () => undefined): Promise<FakeVault> {
  const asked: Asked[] = [];
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { method = '', url = '', headers } = request;
    const { remotePort: port } = request.socket;
    const one = { method, url, headers, body: Buffer.concat(chunks).toString(), port };
    asked.push(one);
    const { status = 200, headers: more = {}, body } = (await fake.answer(one)) ?? standard(one);
    const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
    response.writeHead(status, { 'content-type': 'application/json', ...more });
    response.end(isRaw ? body : body === undefined ? undefined : JSON.stringify(body));
  }
  const server = createServer((request, response) => void serve(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const fake: FakeVault = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return fake;
}

function standard({ url }: Asked): Answer {
  if (url.endsWith('/login')) return { body: { auth: { client_token: fakeToken, lease_duration: 3600 } } };
  return { status: 404, body: { errors: [] } };
}

/** A login with the role `web`, whose token is the same for every audience. */
export function fakeLogin(more: Partial<Login> = {}): Login {
  const identity = { namespace: 'shop', serviceAccount: 'web', pod: 'web-1', podUid: 'uid-1' };
  return {
    identity: { ...identity, serviceAccountUid: undefined, proven: false },
    role: 'web',
    audience: undefined,
    token: async () => new SecretString(fakeJwt),
    publishSecrets: new Map(),
    ...noCluster,
    ...more,
  };
}

/** What the `kubernetes` method writes into a login's reply for the pod of `fakeLogin` (OpenBao 2.7). */
export function kubernetesMetadata(uid: string) {
  return {
    role: 'web',
    service_account_name: 'web',
    service_account_namespace: 'shop',
    service_account_secret_name: '',
    service_account_uid: uid,
  };
}

/** Dependencies whose waits take no time. */
export const quickDeps: BackendDeps = {
  ...contractDeps,
  clock: {
    ...contractDeps.clock,
    sleep: (ms, signal) => contractDeps.clock.sleep(ms >= 1000 ? ms : Math.min(ms, 5), signal),
  },
};

/** An admin's settings with these defaults for Vault classes. */
export function adminOf(defaults: VaultDropIn, tlsDir: string | undefined): AdminSettings {
  const dropIn = { vault: defaults, openbao: { ...defaults, audience: 'openbao' } };
  // The settings of other dialects mean nothing to Vault.
  return { dropIn: { azure: {}, ...dropIn } as AdminSettings['dropIn'], tlsDir, connections: {} };
}
