import { oneLine } from '../errors.ts';

/**
 * A call to the API server that brought no result. Callers map it to a code of the catalogue, for only they know what the call
 * was for. Holds nothing of the reply but its Status: `reason` and, shortened, `message`.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** The HTTP status; undefined: there was no usable answer. */
  readonly status: number | undefined;
  /** The Status' own reason, such as `NotFound`, `AlreadyExists`, `Forbidden`; or one of ours, see `noAnswer`. */
  readonly reason: string;

  constructor(status: number | undefined, reason: string, message: string) {
    super(shorten(message));
    this.status = status;
    this.reason = reason;
  }

  is(status: number): boolean {
    return this.status === status;
  }
}

/** Reasons of a KubeError without a status. */
export const noAnswer = {
  /** Refused, reset, no such host, no whole answer in time. */
  unreachable: 'Unreachable',
  /** A reply that is read while it comes stopped coming. */
  silent: 'Silent',
  /** The server's certificate does not fit the CA or the name. */
  untrusted: 'Untrusted',
  /** The answer is no JSON object, or too large. */
  badReply: 'BadReply',
  /** A CA, token or client certificate file cannot be read. */
  badCredentials: 'BadCredentials',
  /** A name that cannot be part of a path. */
  badName: 'BadName',
} as const;

/** What to show of a failed call: the server's words, with the status in front where there is one. */
export function describe(error: unknown): string {
  if (!(error instanceof KubeError)) return 'the call to the API server failed';
  return error.status === undefined ? error.message : `${error.status} ${error.reason}: ${error.message}`;
}

function shorten(message: string): string {
  const line = oneLine(message);
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}
