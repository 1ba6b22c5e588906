import { KeymountError } from '../errors.ts';
import { inBackground } from '../util/background.ts';
import type { Clock } from '../util/clock.ts';
import { Flights } from '../util/flight.ts';
import type { KubeApi } from './api.ts';
import { createKeyFiles, type KeyFiles } from './key-file.ts';
import { type KeySecret, keySecret } from './key-secret.ts';
import { describe, KubeError } from './kube-error.ts';

/**
 * The keys of object versions: one a Secret, the same on every node. Read once a process and remembered in the state directory,
 * so that neither an API server that is down nor a deleted Secret changes a version or delays a Mount. Without a cluster the
 * file in the state directory is the key.
 */
export interface VersionKeys {
  /** The key in the Secret of this name. Throws `version-key-unavailable`, within the budget, or the signal's reason. */
  readonly get: (name: string, signal: AbortSignal) => Promise<Buffer>;
}

export interface VersionKeysDeps {
  /** undefined: there is no cluster. */
  readonly api: KubeApi | undefined;
  /** Of the Secrets; keymount's own where undefined. */
  readonly namespace?: string | undefined;
  readonly stateDir: string;
  readonly clock: Clock;
  readonly randomBytes: (size: number) => Buffer;
  readonly report: (event: VersionKeyEvent) => void;
  /** Milliseconds in which a Mount that needs a key nobody has yet gets it or fails; 2.5 s unless told. */
  readonly budget?: number;
  /** Milliseconds between looks at the Secret by a process that holds its key; 3 min unless told. */
  readonly checkInterval?: number;
}

/** For the log. `replaced`: the Secret holds another key than this node did, so all versions of its dialect change here. */
export interface VersionKeyEvent {
  readonly event: 'created' | 'recreated' | 'replaced' | 'check-failed' | 'not-remembered' | 'file-unusable';
  /** `namespace/name`. */
  readonly secret: string;
  readonly reason?: string;
}

interface Held {
  key: Buffer;
  /** Is this key in the file? */
  remembered: boolean;
  /** When the Secret was last compared, or the last try of it. */
  checked: number;
}

const keySize = 32;

export function createVersionKeys(deps: VersionKeysDeps): VersionKeys {
  const { api, clock, checkInterval = 180_000 } = deps;
  const files = createKeyFiles(deps.stateDir);
  const flights = new Flights<Held>();
  const keys = new Map<string, Held>();
  const load =
    api === undefined
      ? (name: string) => localKey(name, files, deps)
      : (name: string) => clusterKey(place(api, deps, name), files, deps);

  return {
    async get(name, signal) {
      let held = keys.get(name);
      if (held === undefined) {
        held = await flights.run(name, signal, () => load(name));
        keys.set(name, held);
      }
      if (api !== undefined && clock.now() - held.checked >= checkInterval) {
        held.checked = clock.now();
        const at = place(api, deps, name);
        inBackground(compare(at, held, files, deps.report), (error) =>
          deps.report({ event: 'check-failed', secret: at.label, reason: describe(error) }),
        );
      }
      return held.key;
    },
  };
}

/** Where the key of one name lives. */
interface Place {
  /** `namespace/name`, for people. */
  readonly label: string;
  readonly namespace: string;
  readonly file: string;
  readonly secret: KeySecret;
}

function place(api: KubeApi, deps: VersionKeysDeps, name: string): Place {
  const namespace = deps.namespace ?? api.namespace;
  return {
    label: `${namespace}/${name}`,
    namespace,
    file: `${namespace}.${name}`,
    secret: keySecret(api, { namespace, name }, deps.clock, deps.budget ?? 2500),
  };
}

async function localKey(name: string, files: KeyFiles, { randomBytes }: VersionKeysDeps): Promise<Held> {
  try {
    let key = await files.read(name);
    if (key === undefined) {
      key = randomBytes(keySize);
      await files.write(name, key);
    }
    return { key, remembered: true, checked: 0 };
  } catch (error) {
    throw new KeymountError('version-key-unavailable', 'the key for object versions is not to be had', {
      reason: `its file in the state directory is unusable (${fileReason(error)})`,
      hint: 'let keymount write in its state directory',
    });
  }
}

async function clusterKey(at: Place, files: KeyFiles, { clock, randomBytes, report }: VersionKeysDeps): Promise<Held> {
  try {
    const key = await files.read(at.file);
    // Not compared yet; the first comparison does not hold up this Mount.
    if (key !== undefined) return { key, remembered: true, checked: Number.NEGATIVE_INFINITY };
  } catch (error) {
    report({ event: 'file-unusable', secret: at.label, reason: fileReason(error) });
  }
  try {
    const { key, created } = await at.secret.readOrCreate(() => randomBytes(keySize));
    if (created) report({ event: 'created', secret: at.label });
    const held = { key, remembered: false, checked: clock.now() };
    await remember(at, held, files, report);
    return held;
  } catch (error) {
    throw unavailable(at, error);
  }
}

/**
 * Looks whether the Secret still holds our key. A deleted one is made again with it. Where it holds another key, that one wins:
 * it is the only copy that all nodes share, and equal versions on all nodes matter more than unchanged ones on this.
 */
async function compare(at: Place, held: Held, files: KeyFiles, report: VersionKeysDeps['report']): Promise<void> {
  const { key, created } = await at.secret.readOrCreate(() => held.key);
  if (created) report({ event: 'recreated', secret: at.label });
  if (!key.equals(held.key)) {
    held.key = key;
    held.remembered = false;
    report({ event: 'replaced', secret: at.label });
  }
  if (!held.remembered) await remember(at, held, files, report);
}

async function remember(at: Place, held: Held, files: KeyFiles, report: VersionKeysDeps['report']): Promise<void> {
  try {
    await files.write(at.file, held.key);
    held.remembered = true;
  } catch (error) {
    report({ event: 'not-remembered', secret: at.label, reason: fileReason(error) });
  }
}

function unavailable(at: Place, error: unknown): KeymountError {
  const forbidden = error instanceof KubeError && error.is(403);
  return new KeymountError(
    'version-key-unavailable',
    `the key for object versions, Secret ${at.label}, is not to be had`,
    {
      reason: describe(error),
      hint: forbidden ? `allow keymount to get and create secrets in namespace ${at.namespace}` : undefined,
    },
  );
}

function fileReason(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'not a version key file';
}
