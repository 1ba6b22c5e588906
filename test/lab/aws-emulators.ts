import { request } from 'node:http';
import { startChild, untilReady } from './child-process.ts';
import { freePort } from './free-port.ts';
import { answers } from './http-json.ts';
import { scratchFolder } from './scratch.ts';
import { need } from './tools.ts';

/**
 * An emulator of AWS, empty at first. Neither checks who asks, and each is wrong in places of its own: what a test claims should
 * hold on both, and what neither does is for our own stand-in (aws-cloud.ts).
 */
export interface AwsEmulator {
  /** `http://127.0.0.1:PORT`, of all services. */
  readonly address: string;
  /** The account that everything is in. */
  readonly account: string;
  /** A call of an admin; `target` as `secretsmanager.CreateSecret` or `AmazonSSM.PutParameter`. */
  call(target: string, body: object, region?: string): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Adds a version, and the secret if it is not there. Gives its VersionId. */
  putSecret(name: string, value: string | Uint8Array, region?: string): Promise<string>;
  removeSecret(name: string): Promise<void>;
  /** A SecureString; adds a version, and the parameter if it is not there. Gives its version. */
  putParameter(name: string, value: string, region?: string): Promise<number>;
  removeParameter(name: string): Promise<void>;
  stop(): Promise<void>;
}

export type EmulatorName = 'ministack' | 'moto_server';

/** Starts one on a free port of 127.0.0.1. It never outlives the test's process. */
export async function startAwsEmulator(name: EmulatorName): Promise<AwsEmulator> {
  const port = await freePort();
  const folder = scratchFolder('aws');
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, BIND_HOST: '127.0.0.1', GATEWAY_PORT: String(port) };
  const args = name === 'ministack' ? [] : ['-H', '127.0.0.1', '-p', String(port)];
  const child = await startChild(need(name)[name], args, { env, cwd: folder });
  const address = `http://127.0.0.1:${port}`;
  await untilReady(child, name, () => answers(address), 30_000);
  const emulator = adminOf(address);
  return {
    ...emulator,
    async stop() {
      await child.stop();
    },
  };
}

/** The only account of moto; ministack takes that of the caller's key id, or role. */
const account = '123456789012';

function adminOf(address: string): Omit<AwsEmulator, 'stop'> {
  const call: AwsEmulator['call'] = (target, body, region = 'eu-west-1') => post(address, target, body, region);
  async function good(target: string, body: object, region?: string): Promise<Record<string, unknown>> {
    const reply = await call(target, body, region);
    if (reply.status !== 200) throw new Error(`${target}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  }
  return {
    address,
    account,
    call,
    async putSecret(name, value, region) {
      const content =
        typeof value === 'string' ? { SecretString: value } : { SecretBinary: Buffer.from(value).toString('base64') };
      const put = await call('secretsmanager.PutSecretValue', { SecretId: name, ...content }, region);
      if (put.status === 200) return String(put.body['VersionId']);
      return String((await good('secretsmanager.CreateSecret', { Name: name, ...content }, region))['VersionId']);
    },
    async removeSecret(name) {
      await good('secretsmanager.DeleteSecret', { SecretId: name, ForceDeleteWithoutRecovery: true });
    },
    async putParameter(name, value, region) {
      const body = { Name: name, Value: value, Type: 'SecureString', Overwrite: true };
      return Number((await good('AmazonSSM.PutParameter', body, region))['Version']);
    },
    async removeParameter(name) {
      await good('AmazonSSM.DeleteParameter', { Name: name });
    },
  };
}

function post(address: string, target: string, body: object, region: string) {
  const service = target.startsWith('AmazonSSM') ? 'ssm' : 'secretsmanager';
  const credential = `${account}/20260101/${region}/${service}/aws4_request`;
  return new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
    const headers = {
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': target,
      'X-Amz-Date': '20260101T000000Z',
      Authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0`,
    };
    const outgoing = request(address, { method: 'POST', agent: false, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8') || '{}';
        resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(text) as Record<string, unknown> });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify(body));
  });
}
