import type { KeymountError } from '../errors.ts';

/** What happens to credentials in keeping, for log and metrics. Names of secrets are in it, values never. */
export interface LeaseEvent {
  readonly event:
    | 'issued'
    | 'renewed'
    | 'renewal-failed'
    | 'lost'
    | 'login-ended'
    | 'login-short'
    | 'too-short'
    | 'revoked'
    | 'revocation-failed'
    | 'revocation-given-up'
    | 'refused'
    | 'resumed'
    | 'not-saved';
  readonly podUid: string;
  readonly what?: string | undefined;
  readonly error?: KeymountError | undefined;
}
