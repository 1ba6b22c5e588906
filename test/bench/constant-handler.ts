import { readFileSync } from 'node:fs';
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ConstantReply } from './constant-reply.ts';

/**
 * A provider that does no work: it answers each Mount with the same files and versions. Its figures are what grpc-js, the
 * driver's client and this machine cost; what keymount takes beyond them is its own.
 *
 *   node constant-handler.ts SOCKET REPLY.json service.proto
 */

const [socket = '', replyFile = '', protoFile = ''] = process.argv.slice(2);
const reply = JSON.parse(readFileSync(replyFile, 'utf8')) as ConstantReply;
const message = {
  files: reply.files.map(({ path, mode, contents }) => ({ path, mode, contents: Buffer.from(contents, 'base64') })),
  objectVersion: reply.versions,
};

const loaded = loadPackageDefinition(loadSync(protoFile, { defaults: true }));
const { service } = (loaded['v1alpha1'] as unknown as { CSIDriverProvider: { service: ServiceDefinition } })
  .CSIDriverProvider;
const server = new Server();
server.addService(service, {
  Version: (_call: unknown, done: sendUnaryData<object>) => {
    done(null, { version: 'v1alpha1', runtimeName: 'constant', runtimeVersion: '0.0.0' });
  },
  Mount: (_call: unknown, done: sendUnaryData<object>) => done(null, message),
});
server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
process.on('SIGTERM', () => process.exit(0));
