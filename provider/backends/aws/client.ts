import type {
  BatchGetSecretValueResponse,
  GetSecretValueResponse,
  SecretsManagerClientConfig,
} from '@aws-sdk/client-secrets-manager';
import { KeymountError } from '../../errors.ts';
import type { Reply } from '../../net/request.ts';
import type { AwsRequest, Transport } from './transport.ts';

/** How one call is sent: the client itself knows no region, address or credentials. */
export interface Call extends Pick<AwsRequest, 'region' | 'address' | 'credentials'> {
  readonly transport: Transport;
  readonly signal: AbortSignal;
}

/** What a call gave: its output, or the reply of a service that refused it. */
export type Answer<Output> = { readonly output: Output } | { readonly refusal: Reply };

/** Secrets Manager by the AWS SDK, on our transport. Throws what the transport throws. */
export interface SecretsManager {
  readonly getSecretValue: (
    input: { readonly SecretId: string; readonly VersionId?: string; readonly VersionStage?: string },
    call: Call,
  ) => Promise<Answer<GetSecretValueResponse>>;
  readonly batchGetSecretValue: (
    input: { readonly SecretIdList: string[] },
    call: Call,
  ) => Promise<Answer<BatchGetSecretValueResponse>>;
}

/** What the SDK hands to its request handler besides the request. */
interface Options {
  readonly call: Call;
  refusal?: Reply;
}

class Refused extends Error {}

/** The SDK is loaded at the first use: it costs 20 MiB and 70 ms. One client serves all connections. */
export async function createSecretsManager(): Promise<SecretsManager> {
  const { SecretsManagerClient, GetSecretValueCommand, BatchGetSecretValueCommand } = await import(
    '@aws-sdk/client-secrets-manager'
  );
  const client = new SecretsManagerClient(settings);
  async function send<Output>(work: (options: Options) => Promise<Output>, call: Call): Promise<Answer<Output>> {
    const options: Options = { call };
    try {
      return { output: await work(options) };
    } catch (thrown) {
      if (thrown instanceof Refused && options.refusal !== undefined) return { refusal: options.refusal };
      if (thrown instanceof KeymountError) throw thrown;
      // What the SDK throws may quote the answer.
      throw new KeymountError(
        'backend-reply-invalid',
        `the answer of ${call.address.text} is not one of Secrets Manager`,
      );
    }
  }
  return {
    getSecretValue: (input, call) =>
      send((options) => client.send(new GetSecretValueCommand(input), options as object), call),
    batchGetSecretValue: (input, call) =>
      send((options) => client.send(new BatchGetSecretValueCommand(input), options as object), call),
  };
}

/** Nothing is read from the environment or from ~/.aws: where and as whom is said with each call, and our transport signs. */
const settings: SecretsManagerClientConfig = {
  region: 'us-east-1',
  endpoint: 'https://unused.invalid',
  credentials: { accessKeyId: 'unused', secretAccessKey: 'unused' },
  signer: { sign: async (request) => request },
  useFipsEndpoint: false,
  useDualstackEndpoint: false,
  maxAttempts: 1,
  retryMode: 'standard',
  defaultsMode: 'standard',
  requestHandler: {
    async handle(request: { readonly headers: Record<string, string>; readonly body: Uint8Array }, given?: object) {
      const options = given as Options;
      const { transport, signal, ...where } = options.call;
      const headers = {
        'Content-Type': request.headers['content-type'] ?? '',
        'X-Amz-Target': request.headers['x-amz-target'] ?? '',
      };
      const body = new TextDecoder().decode(request.body);
      const reply = await transport({ ...where, service: 'secretsmanager', headers, body }, signal);
      if (reply.status !== 200) {
        options.refusal = reply;
        throw new Refused();
      }
      return { response: { statusCode: 200, headers: {}, body: new Uint8Array(reply.body) } } as never;
    },
    httpHandlerConfigs: () => ({}),
    updateHttpClientConfig: () => {},
  },
};
