import { fileURLToPath } from 'node:url';
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** What a provider is sent. */
export interface StubRequest {
  attributes: string;
  secrets: string;
  targetPath: string;
  permission: string;
  currentObjectVersion: { id: string; version: string }[];
}

/** What it answers; `code` is a gRPC status number. */
export type StubAnswer =
  | {
      files?: { path: string; mode: number; contents: Uint8Array | string }[];
      objectVersion?: { id: string; version: string }[];
      error?: { code: string };
    }
  | { code: number; details: string };

export type StubCall = ServerUnaryCall<StubRequest, StubAnswer>;

export interface StubProvider {
  /** How many Mounts have arrived. */
  mounts(): number;
  stop(): void;
}

const protoFile = fileURLToPath(new URL('../../proto/provider/v1alpha1/service.proto', import.meta.url));

/** A provider on a Unix socket that answers what `answer` returns; `undefined` never answers. */
export async function startStubProvider(
  socket: string,
  answer: (call: StubCall) => StubAnswer | undefined,
): Promise<StubProvider> {
  const loaded = loadPackageDefinition(loadSync(protoFile, { defaults: true }));
  const { service } = (loaded['v1alpha1'] as unknown as { CSIDriverProvider: { service: ServiceDefinition } })
    .CSIDriverProvider;
  let mounts = 0;
  const server = new Server();
  server.addService(service, {
    Version(_call: unknown, done: sendUnaryData<object>) {
      done(null, { version: 'v1alpha1', runtimeName: 'stub', runtimeVersion: '0.0.0' });
    },
    Mount(call: StubCall, done: sendUnaryData<StubAnswer>) {
      mounts += 1;
      const reply = answer(call);
      if (reply === undefined) return;
      if ('code' in reply) done(reply);
      else done(null, textAsBytes(reply));
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return { mounts: () => mounts, stop: () => server.forceShutdown() };
}

function textAsBytes(reply: Exclude<StubAnswer, { code: number }>): StubAnswer {
  return { ...reply, files: reply.files?.map((file) => ({ ...file, contents: Buffer.from(file.contents) })) ?? [] };
}
