import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { type Child, startChild, untilReady } from './child-process.ts';
import { freePort } from './free-port.ts';
import { answers } from './http-json.ts';
import { type BaoApi, baoApi } from './openbao-api.ts';
import { scratchFolder } from './scratch.ts';
import { need } from './tools.ts';

/** A real OpenBao server of a test: initialised, unsealed, KV v2 at `secret/`, everything in a folder of its own. */
export interface OpenBao extends BaoApi {
  /** `http://127.0.0.1:PORT`, the same after `start`. */
  readonly address: string;
  readonly rootToken: string;
  readonly pid: number;
  seal(): Promise<void>;
  unseal(): Promise<void>;
  /** Ends the process; the address refuses connections. Only a `durable` server has its data after `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Freezes the process: connections are accepted and nothing is answered. */
  pause(): void;
  resume(): void;
  /** What the server has logged since its last start. */
  log(): string;
}

export interface OpenBaoOptions {
  /** Keep data over `stop` and `start` (integrated storage starts in about 3 s, memory in 1 s). */
  durable?: boolean;
  /** The server's `default_lease_ttl` and `max_lease_ttl`, 768h unless told; tokens follow them too. */
  defaultLeaseTtl?: string;
  maxLeaseTtl?: string;
  /** Which of the servers, the newer unless told. */
  program?: 'bao' | 'bao-earlier';
}

/** Starts a server on a free port of 127.0.0.1. Call `stop` when done; it never outlives the test's process. */
export async function startOpenBao(options: OpenBaoOptions = {}): Promise<OpenBao> {
  const { program = 'bao' } = options;
  const server = new Server(need(program)[program], await serverFiles(options));
  try {
    await server.start();
    await server.api.mount('secret', 'kv', { version: '2' });
    // a new KV v2 mount answers 400 until its first background upgrade is done
    await server.until('KV v2', async () => (await server.api.request('GET', 'secret/config')).status === 200);
  } catch (error) {
    // A server that goes on would keep the test's process alive, which has failed already.
    await server.child.stop();
    throw error;
  }
  const { address, rootToken, api } = server;
  return {
    ...api,
    address,
    rootToken,
    get pid() {
      return server.child.pid;
    },
    async seal() {
      await api.write('sys/seal');
    },
    unseal: () => server.unseal(),
    async stop() {
      await server.child.stop();
    },
    start: () => server.start(),
    pause: () => server.child.signal('SIGSTOP'),
    resume: () => server.child.signal('SIGCONT'),
    log: () => server.child.output(),
  };
}

interface Files {
  folder: string;
  config: string;
  address: string;
}

class Server {
  readonly address: string;
  readonly api: BaoApi;
  readonly #bao: string;
  readonly #files: Files;
  #child: Child | undefined;
  #unsealKey = '';
  rootToken = '';

  constructor(bao: string, files: Files) {
    this.#bao = bao;
    this.#files = files;
    this.address = files.address;
    this.api = baoApi(files.address, () => this.rootToken);
  }

  get child(): Child {
    if (!this.#child) throw new Error('this OpenBao server was not started');
    return this.#child;
  }

  async start(): Promise<void> {
    const { folder, config } = this.#files;
    // HOME: the server must not read a developer's ~/.vault-token
    this.#child = await startChild(this.#bao, ['server', `-config=${config}`], { env: { HOME: folder, PATH: '' } });
    await this.until('OpenBao', () => answers(`${this.address}/v1/sys/seal-status`));
    if (this.rootToken === '') await this.#initialise();
    await this.unseal();
  }

  async unseal(): Promise<void> {
    await this.api.write('sys/unseal', { key: this.#unsealKey });
    await this.until('OpenBao', async () => (await this.api.request('GET', 'sys/health')).status === 200);
  }

  until(what: string, ready: () => Promise<boolean>): Promise<void> {
    return untilReady(this.child, what, ready);
  }

  async #initialise(): Promise<void> {
    const reply = await this.api.write('sys/init', { secret_shares: 1, secret_threshold: 1 });
    this.#unsealKey = (reply['keys'] as string[])[0] ?? '';
    this.rootToken = reply['root_token'] as string;
  }
}

async function serverFiles(options: OpenBaoOptions): Promise<Files> {
  // Raft waits for the disk at every step, ten seconds for a first start on a busy one; in memory it takes none.
  const inMemory = existsSync('/dev/shm') ? '/dev/shm' : undefined;
  const folder = scratchFolder('bao', options.durable ? inMemory : undefined);
  const [port, clusterPort] = [await freePort(), await freePort()];
  const address = `http://127.0.0.1:${port}`;
  const config = `${folder}/server.hcl`;
  mkdirSync(`${folder}/data`);
  writeFileSync(
    config,
    `${options.durable ? `storage "raft" {\n  path = "${folder}/data"\n  node_id = "lab"\n}` : 'storage "inmem" {}'}
listener "tcp" {
  address = "127.0.0.1:${port}"
  cluster_address = "127.0.0.1:${clusterPort}"
  tls_disable = true
}
api_addr = "${address}"
cluster_addr = "http://127.0.0.1:${clusterPort}"
log_level = "warn"
default_lease_ttl = "${options.defaultLeaseTtl ?? '768h'}"
max_lease_ttl = "${options.maxLeaseTtl ?? '768h'}"
`,
  );
  return { folder, config, address };
}
