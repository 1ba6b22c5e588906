import { startChild, untilReady } from './child-process.ts';
import { freePort } from './free-port.ts';
import { answers, requestJson } from './http-json.ts';
import { need } from './tools.ts';

/** A Secret Manager of a test (drongo), empty at first. It knows global secrets, and takes any token. */
export interface Drongo {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  /** Adds a version, and the secret if it is not there. */
  add(project: string, secret: string, bytes: Uint8Array): Promise<void>;
  setState(project: string, secret: string, version: number, state: 'enable' | 'disable' | 'destroy'): Promise<void>;
  delete(project: string, secret: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one on a free port of 127.0.0.1. It never outlives the test's process. */
export async function startDrongo(): Promise<Drongo> {
  const port = await freePort();
  const child = await startChild(need('drongo').drongo, ['server', '--host', '127.0.0.1', '--port', String(port)]);
  const address = `http://127.0.0.1:${port}`;
  await untilReady(child, 'drongo', () => answers(address));

  async function call(method: string, path: string, body?: unknown, accepted = 200): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const reply = await requestJson(`${address}/v1/${path}`, { method, headers, ...(body ? { body } : {}) });
    if (reply.status !== 200 && reply.status !== accepted)
      throw new Error(`drongo: ${method} ${path}: ${reply.status}`);
  }

  return {
    address,
    async add(project, secret, bytes) {
      const parent = `projects/${project}/secrets`;
      await call('POST', `${parent}?secretId=${secret}`, { replication: { automatic: {} } }, 409);
      const data = Buffer.from(bytes).toString('base64');
      await call('POST', `${parent}/${secret}:addVersion`, { payload: { data } });
    },
    setState: (project, secret, version, state) =>
      call('POST', `projects/${project}/secrets/${secret}/versions/${version}:${state}`, {}),
    delete: (project, secret) => call('DELETE', `projects/${project}/secrets/${secret}`),
    async stop() {
      await child.stop();
    },
  };
}
