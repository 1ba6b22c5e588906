import { credentials } from '@grpc/grpc-js';
import type { Clock } from '../util/clock.ts';
import { loadProto } from './proto.ts';
import { apiVersion } from './version.ts';

/** The name that the provider on a socket gives itself. */
export function askRuntime(path: string, clock: Clock): Promise<string> {
  const Client = loadProto();
  const client = new Client(`unix:${path}`, credentials.createInsecure(), { 'grpc.default_authority': 'localhost' });
  return new Promise((resolve) => {
    client.version({ version: apiVersion }, { deadline: new Date(clock.now() + 1000) }, (error, reply) => {
      client.close();
      if (error === null) resolve(reply?.runtimeName || 'a provider without a name');
      else resolve('a server that does not answer as a provider');
    });
  });
}
