import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { KeymountError, toKeymountError } from '../errors.ts';
import { type MountParts, type MountRecord, type MountReply, mount } from '../mount/mount.ts';
import type { DialectName } from '../plan/plan.ts';
import { inBackground } from '../util/background.ts';
import type { Clock } from '../util/clock.ts';
import { type Deadline, startDeadline } from '../util/deadline.ts';
import type { CSIDriverProviderHandlers } from './gen/v1alpha1/CSIDriverProvider.ts';
import type { MountRequest__Output as MountMessage } from './gen/v1alpha1/MountRequest.ts';
import type { MountResponse } from './gen/v1alpha1/MountResponse.ts';
import { toStatus } from './status.ts';
import { apiVersion, runtimeName, runtimeVersion } from './version.ts';

/** What the service needs beside the Mount itself. */
export interface ServiceParts {
  readonly mount: MountParts;
  readonly clock: Clock;
  readonly limits: { readonly mounts: number; readonly mountTimeout: number };
  /** Told of every Mount when it has been answered. */
  readonly onMount: (outcome: MountOutcome) => void;
  /** Of the Mounts in flight, all sockets together. When a stop has waited long enough they are aborted. */
  readonly inFlight: Set<Deadline>;
  /** Told of what fails behind an answer. */
  readonly onDefect?: (error: KeymountError) => void;
}

export interface MountOutcome {
  readonly dialect: DialectName;
  readonly record: MountRecord;
  readonly reply: MountReply | undefined;
  readonly error: KeymountError | undefined;
  readonly seconds: number;
}

/** The handlers of one dialect's socket: the one place where asynchronous work meets grpc-js, whose handlers must never reject. */
export function createHandlers(dialect: DialectName, parts: ServiceParts): CSIDriverProviderHandlers {
  return {
    Version: (_call, callback) => callback(null, { version: apiVersion, runtimeName, runtimeVersion }),
    Mount: (call, callback) => {
      inBackground(answer(dialect, parts, call, callback), (thrown) => parts.onDefect?.(toKeymountError(thrown)));
    },
  };
}

/** Milliseconds: at its deadline a caller gives up by its own clock, and grpc-js cancels, both before our timer. */
const early = 50;

/** Every failure of a Mount is an answer; what comes after it must not end the process either. */
async function answer(
  dialect: DialectName,
  parts: ServiceParts,
  call: ServerUnaryCall<MountMessage, MountResponse>,
  callback: sendUnaryData<MountResponse>,
): Promise<void> {
  const started = parts.clock.now();
  const record: MountRecord = { reads: 0, cached: 0, stale: 0 };
  let reply: MountReply | undefined;
  let error: KeymountError | undefined;
  const at = deadlineOf(call, parts);
  const passed = () =>
    new KeymountError('deadline-exceeded', 'the deadline of the Mount passed before everything was read');
  const deadline = startDeadline(parts.clock, at, passed);
  let answered = false;
  // grpc-js says it of every stream that ends, answered or not.
  call.on('cancelled', () => {
    if (answered) return;
    const isOver = parts.clock.now() >= at - early;
    deadline.abort(isOver ? passed() : new KeymountError('cancelled', 'the driver gave the Mount up'));
  });
  parts.inFlight.add(deadline);
  try {
    if (parts.inFlight.size > parts.limits.mounts) throw tooMany(parts.limits.mounts);
    reply = await mount(call.request, dialect, parts.mount, record, deadline.signal);
    answered = true;
    callback(null, toMessage(reply));
  } catch (thrown) {
    error = toKeymountError(thrown);
    answered = true;
    callback(toStatus(error));
  } finally {
    parts.inFlight.delete(deadline);
    deadline.end();
  }
  parts.onMount({ dialect, record, reply, error, seconds: (parts.clock.now() - started) / 1000 });
}

/** The caller's deadline, at most `mountTimeout` from now. */
function deadlineOf(call: ServerUnaryCall<MountMessage, MountResponse>, { clock, limits }: ServiceParts): number {
  const own = call.getDeadline();
  const latest = clock.now() + limits.mountTimeout;
  return Math.min(own instanceof Date ? own.getTime() : own, latest);
}

function tooMany(limit: number): KeymountError {
  return new KeymountError('too-many-mounts', `more than ${limit} Mounts are in flight`, {
    hint: 'kubelet tries again; if it lasts, the backend is slow, or limits.mounts is too low',
  });
}

const messages = new WeakMap<MountReply, MountResponse>();

/** The same reply is the same message, so that the server encodes it once (see encode.ts). */
function toMessage(reply: MountReply): MountResponse {
  let message = messages.get(reply);
  if (message === undefined) {
    const files = reply.files.map(({ path, mode, contents }) => ({ path, mode, contents: toBuffer(contents) }));
    message = { objectVersion: [...reply.versions], files };
    messages.set(reply, message);
  }
  return message;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
