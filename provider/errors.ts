import { unseenProblem, visible } from './util/visible.ts';

/**
 * The catalogue of everything that can go wrong. A code is stable, can be searched for in docs/errors.md, and decides the gRPC
 * status that the driver sees. UNAVAILABLE is used only where a repeat within seconds can help: the driver (v1.6.0) retries that
 * one status three times and no other.
 */

/** gRPC status codes by name, as @grpc/grpc-js numbers them. */
export const statusNumber = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

export type StatusName = keyof typeof statusNumber;

interface Entry {
  readonly status: StatusName;
  /** Can the same Mount succeed later without anybody changing anything? */
  readonly retryable: boolean;
  /** One sentence for docs/errors.md. */
  readonly about: string;
}

const entry = (status: StatusName, retryable: boolean, about: string): Entry => ({ status, retryable, about });

export const catalogue = {
  'request-malformed': entry(
    'INVALID_ARGUMENT',
    false,
    'The Mount request itself is not what the driver sends: attributes that are not a JSON object of strings, a bad permission.',
  ),
  'class-invalid': entry(
    'INVALID_ARGUMENT',
    false,
    'The SecretProviderClass has mistakes. All of them are listed, each with its place.',
  ),
  'connection-unknown': entry(
    'INVALID_ARGUMENT',
    false,
    'The class names a connection that the configuration file does not have.',
  ),
  'connection-not-allowed': entry(
    'PERMISSION_DENIED',
    false,
    'The connection exists, but its allow rules do not let this namespace, ServiceAccount or secret through.',
  ),
  'address-not-allowed': entry(
    'PERMISSION_DENIED',
    false,
    'The class chose an address, a unix socket or a file that the admin did not allow.',
  ),
  'token-missing': entry(
    'FAILED_PRECONDITION',
    false,
    'The driver sent no ServiceAccount token for the audience, and none could be requested.',
  ),
  'cluster-unavailable': entry(
    'FAILED_PRECONDITION',
    true,
    'Something that only the Kubernetes API knows is needed, and it was not to be had: no cluster, no answer or no permission.',
  ),
  'login-denied': entry(
    'PERMISSION_DENIED',
    false,
    'The backend refused the login of the pod, or the pod has nothing to log in with.',
  ),
  'login-failed': entry(
    'FAILED_PRECONDITION',
    false,
    'The backend answered the login with something that is no token.',
  ),
  'secret-denied': entry('PERMISSION_DENIED', false, 'The backend refused this read to the identity of the pod.'),
  'token-used-up': entry(
    'FAILED_PRECONDITION',
    false,
    'The token of the pod may be used so many times only, and a new one is not good for all that the class reads.',
  ),
  'secret-missing': entry('NOT_FOUND', false, 'The backend has no secret at this path.'),
  'secret-deleted': entry('NOT_FOUND', false, 'The wanted version of the secret was deleted or destroyed.'),
  'key-missing': entry('NOT_FOUND', false, 'The secret exists but does not have the wanted key.'),
  'value-invalid': entry(
    'FAILED_PRECONDITION',
    false,
    'The value is not what the class says it is, for example not base64.',
  ),
  'lease-lost': entry(
    'FAILED_PRECONDITION',
    true,
    'The backend does not know a lease or token any more; the next Mount gets new credentials.',
  ),
  'backend-rejected': entry('FAILED_PRECONDITION', false, 'The backend answered that the request is wrong.'),
  'backend-reply-invalid': entry(
    'FAILED_PRECONDITION',
    false,
    'The backend answered with something unusable: empty, cut off, too large or not JSON.',
  ),
  'backend-sealed': entry(
    'FAILED_PRECONDITION',
    true,
    'The Vault or OpenBao server is sealed, or not initialised, and needs its operator.',
  ),
  'backend-throttled': entry(
    'RESOURCE_EXHAUSTED',
    true,
    'The backend asks for fewer requests (429) and did not recover within the tries.',
  ),
  'backend-unreachable': entry(
    'UNAVAILABLE',
    true,
    'No usable answer from the backend: refused, reset, timed out or a 5xx, after all tries.',
  ),
  'issue-uncertain': entry(
    'FAILED_PRECONDITION',
    true,
    'A request that may have issued a credential got no answer; it is not sent again at once, for that would issue another.',
  ),
  'backend-untrusted': entry('FAILED_PRECONDITION', false, 'The TLS certificate of the backend could not be verified.'),
  'backend-redirect': entry(
    'FAILED_PRECONDITION',
    false,
    'The backend redirected further than one hop, to another host or to plain http.',
  ),
  'version-key-unavailable': entry(
    'FAILED_PRECONDITION',
    true,
    'The key for object versions could be neither read nor made; versions are never left empty.',
  ),
  'response-too-large': entry('RESOURCE_EXHAUSTED', false, "The files exceed the driver's limit for one volume."),
  'too-many-mounts': entry('RESOURCE_EXHAUSTED', true, 'More Mounts are in flight than the settings allow.'),
  'too-many-credentials': entry(
    'RESOURCE_EXHAUSTED',
    true,
    'The volume, pod, namespace or node has as many issued credentials in keeping as it may have; nothing more is issued.',
  ),
  'deadline-exceeded': entry('DEADLINE_EXCEEDED', true, 'The deadline of the Mount passed before everything was read.'),
  cancelled: entry('CANCELLED', true, 'The driver gave the Mount up.'),
  'shutting-down': entry('UNAVAILABLE', true, 'keymount is stopping; another instance will answer.'),
  'settings-invalid': entry(
    'INVALID_ARGUMENT',
    false,
    'A flag, an environment variable or the configuration file is wrong; keymount does not start.',
  ),
  'socket-taken': entry(
    'FAILED_PRECONDITION',
    false,
    'Another provider answers on the socket, or another keymount owns the state directory.',
  ),
  internal: entry('INTERNAL', false, 'A defect of keymount. The log has the details; please report it.'),
} as const satisfies Record<string, Entry>;

export type Code = keyof typeof catalogue;

/** Where in a class something is: `objects[2] "db-password" (line 9)`. */
export interface Place {
  /** As the author writes it: `objects[2]`, `parameters.roleName`. */
  readonly path: string;
  /** The file or objectName, if there is one. */
  readonly name?: string;
  /** 1-based line within the parameter's text. */
  readonly line?: number;
}

export interface ErrorFacts {
  readonly at?: Place | undefined;
  /** The backend's own words, already stripped of request ids. Never a body, a header or a value. */
  readonly reason?: string | undefined;
  /** What to do about it, a clause without a full stop. */
  readonly hint?: string | undefined;
  /** The backend asked to wait this long, in milliseconds. */
  readonly retryAfter?: number | undefined;
  readonly cause?: unknown;
}

/** What every part of keymount throws. `message` says what failed, without place, reason and hint. */
export class KeymountError extends Error {
  override readonly name = 'KeymountError';
  readonly code: Code;
  readonly at: Place | undefined;
  readonly reason: string | undefined;
  readonly hint: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: Code, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.at = facts.at;
    this.reason = facts.reason;
    this.hint = facts.hint;
    this.retryAfter = facts.retryAfter;
  }

  get status(): StatusName {
    return catalogue[this.code].status;
  }

  get retryable(): boolean {
    return catalogue[this.code].retryable;
  }

  /** The same error at a place of the class. */
  placed(at: Place): KeymountError {
    return this.#with({ at });
  }

  /** The same error with another hint. */
  rehinted(hint: string): KeymountError {
    return this.#with({ hint });
  }

  #with(other: ErrorFacts): KeymountError {
    const { code, message, at, reason, hint, retryAfter, cause } = this;
    return new KeymountError(code, message, { at, reason, hint, retryAfter, cause, ...other });
  }
}

export function formatPlace(at: Place): string {
  const name = at.name === undefined ? '' : ` "${at.name}"`;
  const line = at.line === undefined ? '' : ` (line ${at.line})`;
  return `${at.path}${name}${line}`;
}

/** One line: place, what failed, the backend's reason, the hint. */
export function formatError(error: KeymountError): string {
  const place = error.at === undefined ? '' : `${formatPlace(error.at)}: `;
  const reason = error.reason === undefined ? '' : `: ${error.reason}`;
  const hint = error.hint === undefined ? '' : `; ${error.hint}`;
  const text = `${place}${error.message}${reason}`;
  const unseen = unseenProblem(text);
  return oneLine(`${text}${unseen === undefined ? '' : ` (it ${unseen})`}${hint} [${error.code}]`);
}

/**
 * Any thrown thing as a KeymountError. Only our own errors keep their text: what a library throws may hold a secret, so its
 * text never leaves; its class name and our stack do, through `cause`.
 */
export function toKeymountError(thrown: unknown): KeymountError {
  if (thrown instanceof KeymountError) return thrown;
  return new KeymountError('internal', 'internal error', {
    cause: thrown,
    hint: 'see the log of keymount on this node',
  });
}

/**
 * Control characters and line ends as spaces: a status message and a log line are one line each. What nobody would see is written out.
 */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  return visible(text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')).trim();
}
