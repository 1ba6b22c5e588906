import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { DriverRequest } from '../lab/driver-attributes.ts';
import { need } from '../lab/tools.ts';

/** What the driver made of a Mount. */
export interface DriverOutcome {
  /** Object versions by id, as the driver would write them into the pod's status object. */
  versions: Record<string, string>;
  /** `''` if the volume was written. */
  error: string;
  /** The driver's reason: `GRPCProviderError`, `FileWriteError`, or the provider's `error.code`. */
  code: string;
  /** gRPC status of the call as Go writes it, such as `OK` or `PermissionDenied`. */
  status: string;
}

/**
 * One Mount through the driver's own code (client with its three tries of UNAVAILABLE, checks of the answer, atomic
 * writer) into the folder `target`, which is made if need be. A refused Mount is an outcome; an Error means that no
 * Mount could be tried. `timeout` is in milliseconds, two minutes unless told.
 */
export async function driverMount(
  socket: string,
  target: string,
  request: DriverRequest,
  { timeout = 120_000 } = {},
): Promise<DriverOutcome> {
  const { drivermount } = need('drivermount');
  const args = ['--socket', socket, '--target', target, '--timeout', `${timeout}ms`, '--secrets', request.secrets];
  const running = promisify(execFile)(drivermount, args, { env: {} });
  // not as an argument: the attributes hold tokens, and their size has a limit there
  running.child.stdin?.end(request.attributes);
  return JSON.parse((await running).stdout) as DriverOutcome;
}
