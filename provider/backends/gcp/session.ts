import { KeymountError } from '../../errors.ts';
import { abortedError } from '../../net/aborted.ts';
import type { BackendDeps, Secret, Session } from '../backend.ts';
import type { GcpConnection } from './connection.ts';
import { serviceAddress } from './endpoints.ts';
import { explainRead } from './explain.ts';
import type { GcpLine } from './line.ts';
import type { Authority } from './login.ts';
import { type GcpRef, resourceName } from './ref.ts';
import { replyToSecret } from './reply.ts';

/** Milliseconds before its end at which a token is not used any more: clocks differ, and a read takes its time. */
const margin = 30_000;

/** A token and what can be read with it. */
export function createGcpSession(
  connection: GcpConnection,
  line: GcpLine,
  { token, expires, as, serviceAccountUid, isOutdated }: Authority,
  { clock }: BackendDeps,
): Session<GcpRef> {
  const { endpoints, project: ownProject, location: ownLocation } = connection;

  async function read(ref: GcpRef, outdated: Promise<boolean>, signal: AbortSignal): Promise<Secret> {
    const { service } = ref;
    const project = ref.project ?? ownProject;
    if (project === undefined) {
      throw new KeymountError('class-invalid', `the project of ${ref.name} is not known`, {
        hint: 'write projects/PROJECT/…, or ask the admin for a project of the connection',
      });
    }
    // A full name without a location is that of a global secret.
    const location = ref.location ?? (ref.project === undefined ? ownLocation : 'global');
    const name = resourceName(ref, project, location);
    if (await outdated) {
      throw new KeymountError('login-denied', `the ServiceAccount has other annotations by now, reading ${name}`);
    }
    const address = serviceAddress(endpoints, service, location);
    const path = `/v1/${name}:${service === 'secretmanager' ? 'access' : 'render'}`;
    const reply = await line.send({ address, path, kind: 'read', token }, signal);
    if (reply.status === 200) return replyToSecret(reply.body, service, name);
    throw explainRead(reply, { server: address.text, service, name, as, token, now: clock.now() });
  }

  return {
    expires: expires - margin,
    serviceAccountUid,
    // Who may read a secret is asked of the ServiceAccount alone, and reading leaves nothing behind.
    isShareable: async () => true,
    read(refs, signal) {
      const outdated = isOutdated(signal);
      return refs.map((ref) =>
        read(ref, outdated, signal).catch((thrown: unknown) => {
          throw signal.aborted && !(thrown instanceof KeymountError) ? abortedError(signal, 'Google Cloud') : thrown;
        }),
      );
    },
    // A refused read (403) is answered by IAM as it is now: a new token would not change it.
    isAuthorityLost: ({ code }) => code === 'login-denied',
    close: () => {},
  };
}
