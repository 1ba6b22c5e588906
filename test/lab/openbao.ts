import { mkdirSync, writeFileSync } from 'node:fs';
import { type Child, startChild, untilReady } from './child-process.ts';
import { freePort } from './free-port.ts';
import { answers, type JsonReply, type JsonRequest, requestJson } from './http-json.ts';
import { scratchFolder } from './scratch.ts';
import { need } from './tools.ts';

/** A real OpenBao server of a test: initialised, unsealed, KV v2 at `secret/`, everything in a folder of its own. */
export interface OpenBao {
  /** `http://127.0.0.1:PORT`, the same after `start`. */
  readonly address: string;
  readonly rootToken: string;
  /** One API call. `path` has no `/v1/`. Any status is an answer; the root token is sent unless `token` is given. */
  request(method: string, path: string, options?: ApiRequest): Promise<JsonReply>;
  /** The whole reply of a read. The four verbs throw on a status of 400 or above, with the server's own words. */
  read(path: string): Promise<Record<string, unknown>>;
  write(path: string, body?: object): Promise<Record<string, unknown>>;
  delete(path: string): Promise<void>;
  /** Puts `data` at `mount`'s KV v2 path `name`; the new version's number. */
  putKv2(name: string, data: object, mount?: string): Promise<number>;
  policy(name: string, rules: string): Promise<void>;
  seal(): Promise<void>;
  unseal(): Promise<void>;
  /** Ends the process; the address refuses connections. Only a `durable` server has its data after `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Freezes the process: connections are accepted and nothing is answered. */
  pause(): void;
  resume(): void;
  /** What the server logged. */
  log(): string;
}

export interface ApiRequest extends JsonRequest {
  /** `null` sends no token. */
  token?: string | null;
}

export interface OpenBaoOptions {
  /** Keep data over `stop` and `start` (integrated storage; starts in about 3 s, memory in 1 s). */
  durable?: boolean;
  /** `default_lease_ttl` and `max_lease_ttl` of the server, such as `30s`. */
  defaultLeaseTtl?: string;
  maxLeaseTtl?: string;
}

interface Keys {
  unsealKey: string;
  rootToken: string;
}

/** Starts a server on a free port of 127.0.0.1. Call `stop` when done; it never outlives the process. */
export async function startOpenBao(options: OpenBaoOptions = {}): Promise<OpenBao> {
  const { bao } = need('bao');
  const folder = scratchFolder('bao');
  const [port, clusterPort] = [await freePort(), await freePort()];
  const address = `http://127.0.0.1:${port}`;
  writeFileSync(`${folder}/server.hcl`, serverConfig(folder, address, clusterPort, options));
  mkdirSync(`${folder}/data`);
  let child: Child;
  let keys: Keys = { unsealKey: '', rootToken: '' };

  async function request(method: string, path: string, { token = keys.rootToken, ...rest }: ApiRequest = {}) {
    const headers = { ...rest.headers, ...(token === null ? {} : { 'x-vault-token': token }) };
    return requestJson(`${address}/v1/${path}`, { ...rest, method, headers });
  }

  async function must(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const reply = await request(method, path, { body });
    if (reply.status >= 400) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return (reply.body ?? {}) as Record<string, unknown>;
  }

  async function start(): Promise<void> {
    child = await startChild(bao, ['server', `-config=${folder}/server.hcl`], { env: { HOME: folder, PATH: '' } });
    await untilReady(child, 'OpenBao', () => answers(`${address}/v1/sys/seal-status`));
    if (keys.rootToken === '') keys = await initialise();
    await unseal();
  }

  async function initialise(): Promise<Keys> {
    const reply = await must('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
    return { unsealKey: (reply['keys'] as string[])[0] ?? '', rootToken: reply['root_token'] as string };
  }

  async function unseal(): Promise<void> {
    await must('PUT', 'sys/unseal', { key: keys.unsealKey });
    await untilReady(child, 'OpenBao', async () => (await request('GET', 'sys/health')).status === 200);
  }

  await start();
  await must('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  await untilReady(child!, 'KV v2', async () => (await request('GET', 'secret/config')).status === 200);

  return {
    address,
    rootToken: keys.rootToken,
    request,
    read: (path) => must('GET', path),
    write: (path, body = {}) => must('POST', path, body),
    async delete(path) {
      await must('DELETE', path);
    },
    async putKv2(name, data, mount = 'secret') {
      const reply = await must('POST', `${mount}/data/${name}`, { data });
      return (reply['data'] as { version: number }).version;
    },
    async policy(name, rules) {
      await must('PUT', `sys/policies/acl/${name}`, { policy: rules });
    },
    async seal() {
      await must('PUT', 'sys/seal');
    },
    unseal,
    async stop() {
      await child.stop();
    },
    start,
    pause: () => child.signal('SIGSTOP'),
    resume: () => child.signal('SIGCONT'),
    log: () => child.output(),
  };
}

function serverConfig(folder: string, address: string, clusterPort: number, options: OpenBaoOptions): string {
  const storage = options.durable
    ? `storage "raft" {\n  path = "${folder}/data"\n  node_id = "lab"\n}`
    : 'storage "inmem" {}';
  return `${storage}
listener "tcp" {
  address = "${new URL(address).host}"
  cluster_address = "127.0.0.1:${clusterPort}"
  tls_disable = true
}
api_addr = "${address}"
cluster_addr = "http://127.0.0.1:${clusterPort}"
log_level = "warn"
default_lease_ttl = "${options.defaultLeaseTtl ?? '768h'}"
max_lease_ttl = "${options.maxLeaseTtl ?? '768h'}"
`;
}
