import type { Clock } from '../util/clock.ts';
import type { CallOptions, KubeApi } from './api.ts';
import { KubeError } from './kube-error.ts';
import { createImmutableSecret, getSecretField, type SecretName } from './secrets.ts';

/** The Secret that holds a version key: 32 random bytes in its field `key`, as both Go providers for Vault and OpenBao make it. */
export interface KeySecret {
  /** Throws KubeError, 404 where there is none. */
  readonly read: () => Promise<Buffer>;
  /** What the Secret holds in the end: the offered key, or that of whoever was faster. */
  readonly readOrCreate: (offer: () => Buffer) => Promise<{ readonly key: Buffer; readonly created: boolean }>;
}

const field = 'key';
/** Shorter keys could be guessed. */
const shortestKey = 16;

/** Milliseconds to which a call's time is rounded up: errors name it, and their text should not change from call to call. */
const step = 500;

/** A view of one Secret for one piece of work: all its calls together end within about `budget` milliseconds. */
export function keySecret(api: KubeApi, secret: SecretName, clock: Clock, budget: number): KeySecret {
  const end = clock.now() + budget;
  const left = (): CallOptions => ({ timeout: Math.max(step, Math.ceil((end - clock.now()) / step) * step) });

  async function read(): Promise<Buffer> {
    const key = await getSecretField(api, secret, field, left());
    if (key !== undefined && key.length >= shortestKey) return key;
    throw new KubeError(undefined, 'BadKey', `its field "${field}" is missing or shorter than ${shortestKey} bytes`);
  }

  async function create(key: Buffer): Promise<boolean> {
    try {
      await createImmutableSecret(api, secret, field, key, left());
      return true;
    } catch (error) {
      if (isStatus(error, 409)) return false;
      throw error;
    }
  }

  return {
    read,
    async readOrCreate(offer) {
      try {
        return { key: await read(), created: false };
      } catch (error) {
        if (!isStatus(error, 404)) throw error;
      }
      const key = offer();
      const created = await create(key);
      return created ? { key, created } : { key: await read(), created };
    },
  };
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof KubeError && error.is(status);
}
