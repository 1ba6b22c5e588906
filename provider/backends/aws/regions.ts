import { KeymountError, toKeymountError } from '../../errors.ts';
import type { BackendDeps } from '../backend.ts';
import type { AwsConnection } from './connection.ts';
import { endpointOf, type Service } from './endpoints.ts';
import { bothFailed, isAway, type ReadQuestion } from './explain.ts';
import type { Authority } from './login.ts';
import { type AwsRef, targetIn } from './ref.ts';
import type { AwsRequest } from './transport.ts';

/** A region that is asked. */
export interface Place {
  readonly region: string;
  /** Where a service is, and what its requests are signed with. */
  readonly requestTo: (service: Service) => Pick<AwsRequest, 'region' | 'address' | 'credentials'>;
  /** What a ref is called there. Throws `class-invalid` for an ARN of another region. */
  readonly targetOf: (ref: AwsRef) => Pick<AwsRef, 'name' | 'version' | 'label'>;
  readonly question: (name: string, action: string) => ReadQuestion;
}

/** Asks in the region, and only where that does not answer, in the failover region. `what` is for messages. */
export type InRegions = <Result>(what: string, ask: (place: Place) => Promise<Result>) => Promise<Result>;

export function createRegions(connection: AwsConnection, authority: Authority, { clock }: BackendDeps): InRegions {
  const { credentials, principal } = authority;
  const { failoverRegion } = connection;
  const secrets = [credentials.secretAccessKey, credentials.sessionToken];

  const placeOf = (region: string, isFailover: boolean): Place => ({
    region,
    requestTo: (service) => ({ region, address: endpointOf(service, region, connection), credentials }),
    targetOf: (ref) => targetIn(ref, region, isFailover),
    question: (name, action) => ({ name, region, action, principal, secrets, now: clock.now() }),
  });
  const first = placeOf(authority.region, false);
  const second = failoverRegion === undefined ? undefined : placeOf(failoverRegion, true);

  return async (what, ask) => {
    try {
      return await ask(first);
    } catch (thrown) {
      if (second === undefined || !(thrown instanceof KeymountError) || !isAway(thrown)) throw thrown;
      try {
        return await ask(second);
      } catch (again) {
        const error = toKeymountError(again);
        if (!isAway(error)) throw again;
        throw bothFailed(what, { region: first.region, error: thrown }, { region: second.region, error });
      }
    }
  };
}
