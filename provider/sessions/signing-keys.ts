import { createLocalJWKSet, type JSONWebKeySet, type LocalJWKSet } from 'jose';
import type { Clock } from '../util/clock.ts';
import { Flights } from '../util/flight.ts';

/** The keys that sign the cluster's ServiceAccount tokens, fetched when needed and not too often. */
export interface SigningKeys {
  /** undefined: there are none, and it is too early to ask again. */
  readonly get: (signal: AbortSignal) => Promise<LocalJWKSet | undefined>;
  /** Fetched anew because a token was signed with a key that `get` did not have; undefined: too early to ask again. */
  readonly getNewer: (signal: AbortSignal) => Promise<LocalJWKSet | undefined>;
}

export interface SigningKeysDeps {
  /** `/openid/v1/jwks` of the cluster. Should give up after two or three seconds: Mounts wait for it. */
  readonly fetch: (signal: AbortSignal) => Promise<JSONWebKeySet>;
  readonly clock: Clock;
  /** A fetch failed; pods cannot be proven until one succeeds. */
  readonly onFailure: (error: unknown) => void;
}

/** After a failed fetch without any keys, doubled with each further failure. */
const firstRetry = 10_000;
const longestRetry = 60_000;
/** Between fetches for unknown keys: whoever sends forged tokens cannot make us ask more often. */
const newerInterval = 30_000;
/** Older keys are fetched again beside the Mount, so that a withdrawn one is not believed for ever. */
const maxAge = 3_600_000;

export function createSigningKeys({ fetch, clock, onFailure }: SigningKeysDeps): SigningKeys {
  const flights = new Flights<LocalJWKSet | undefined>();
  let keys: LocalJWKSet | undefined;
  let fetched = 0;
  let tried = Number.NEGATIVE_INFINITY;
  let failures = 0;

  async function refresh(signal: AbortSignal): Promise<LocalJWKSet | undefined> {
    tried = clock.now();
    try {
      keys = createLocalJWKSet(await fetch(signal));
      fetched = clock.now();
      failures = 0;
      return keys;
    } catch (error) {
      // Everybody who waited has left: that says nothing about the API server, so the next may ask at once.
      if (signal.aborted) tried = Number.NEGATIVE_INFINITY;
      else {
        failures++;
        onFailure(error);
      }
      return undefined;
    }
  }

  /** Joins a fetch that is under way, starts one if the last is long enough ago. */
  async function fetchUnless(interval: number, signal: AbortSignal): Promise<LocalJWKSet | undefined> {
    if (flights.size === 0 && clock.now() - tried < interval) return undefined;
    return await flights.run('jwks', signal, refresh);
  }

  return {
    async get(signal) {
      if (keys === undefined) {
        return await fetchUnless(failures === 0 ? 0 : Math.min(firstRetry * 2 ** (failures - 1), longestRetry), signal);
      }
      const old = keys;
      if (clock.now() - fetched >= maxAge) void fetchUnless(longestRetry, new AbortController().signal);
      return old;
    },
    getNewer: (signal) => fetchUnless(newerInterval, signal),
  };
}
