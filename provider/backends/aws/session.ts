import { KeymountError } from '../../errors.ts';
import { abortedError } from '../../net/aborted.ts';
import type { BackendDeps, Secret, Session } from '../backend.ts';
import type { AwsConnection } from './connection.ts';
import type { AwsLine } from './line.ts';
import type { Authority } from './login.ts';
import { createParameterReads } from './parameter-reads.ts';
import type { AwsRef } from './ref.ts';
import { createRegions } from './regions.ts';
import { createSecretReads } from './secret-reads.ts';

/** Milliseconds before their end at which credentials are not used any more. */
const margin = 60_000;

/** Credentials and what can be read with them. */
export function createAwsSession(
  connection: AwsConnection,
  line: AwsLine,
  authority: Authority,
  deps: BackendDeps,
): Session<AwsRef> {
  const { credentials, principal, serviceAccountUid } = authority;
  const inRegions = createRegions(connection, authority, deps);
  const readSecret = createSecretReads({ line, inRegions, principal, batch: connection.batch });
  const readParameter = createParameterReads(line.transport, inRegions);

  async function read(ref: AwsRef, signal: AbortSignal): Promise<Secret> {
    try {
      return await (ref.service === 'ssm' ? readParameter(ref, signal) : readSecret(ref, signal));
    } catch (thrown) {
      throw signal.aborted && !(thrown instanceof KeymountError) ? abortedError(signal, 'AWS') : thrown;
    }
  }

  return {
    expires: credentials.expires - margin,
    serviceAccountUid,
    // What a role may read does not depend on which pod of the ServiceAccount asks.
    isShareable: async () => true,
    read: (refs, signal) => refs.map((ref) => read(ref, signal)),
    // The role of a ServiceAccount may have been changed since.
    isAuthorityLost: ({ code }) => code === 'login-denied' || code === 'secret-denied',
    close: () => {},
  };
}
