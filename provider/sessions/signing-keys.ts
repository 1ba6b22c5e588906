import { createLocalJWKSet, type JSONWebKeySet, type LocalJWKSet } from 'jose';
import type { Clock } from '../util/clock.ts';
import { Flights } from '../util/flight.ts';

/** One set of keys of the cluster, until another takes its place. */
export interface KeySet {
  readonly keys: LocalJWKSet;
  /** Another set took its place, or nobody could read it for too long: what it proved is proven no more. */
  readonly over: boolean;
}

/** The keys that sign the cluster's ServiceAccount tokens, fetched when needed and not too often. */
export interface SigningKeys {
  /** undefined: there are none, and it is too early to ask again. */
  readonly get: (signal: AbortSignal) => Promise<KeySet | undefined>;
  /** Another set than the given one, which lacks a token's key. undefined: there is none, or it is too early to ask again. */
  readonly getOther: (than: KeySet, signal: AbortSignal) => Promise<KeySet | undefined>;
  /** Reads the set again in the background if that is due. To be called every minute or so; without any set it does nothing. */
  readonly refresh: () => void;
}

export interface SigningKeysDeps {
  /** `/openid/v1/jwks` of the cluster. Should give up after two or three seconds: Mounts wait for it. */
  readonly fetch: (signal: AbortSignal) => Promise<JSONWebKeySet>;
  readonly clock: Clock;
  /** A fetch failed; pods cannot be proven until one succeeds. */
  readonly onFailure: (error: unknown) => void;
  /** A set is over. */
  readonly onOver: () => void;
}

/** After a failed fetch without any keys, doubled with each further failure. */
const firstRetry = 10_000;
const longestRetry = 60_000;
/** Between fetches for unknown keys: whoever sends forged tokens cannot make us ask more often. */
const newerInterval = 30_000;
/** A set of that age is read again beside the Mounts: a cluster tells nobody that it withdrew a key. */
const readEvery = 300_000;
/**
 * A set that could not be read again for so long is believed no more. Tokens live for an hour where nobody asks for more, and kubelet
 * gets no new ones while the API server is away, so an outage costs nothing that it would not cost anyway.
 */
const longestUnread = 7_200_000;

interface Present extends KeySet {
  over: boolean;
  /** Equal for equal sets, in whatever order their keys come. */
  readonly print: string;
}

export function createSigningKeys({ fetch, clock, onFailure, onOver }: SigningKeysDeps): SigningKeys {
  const flights = new Flights<void>();
  let present: Present | undefined;
  let read = Number.NEGATIVE_INFINITY;
  let tried = Number.NEGATIVE_INFINITY;
  let failures = 0;

  /** Where the clock was set back nobody knows how long ago it was. */
  function age(time: number): number {
    const since = clock.now() - time;
    return since < 0 ? Number.POSITIVE_INFINITY : since;
  }

  function replace(next: Present | undefined): void {
    const last = present;
    present = next;
    if (last === undefined) return;
    last.over = true;
    onOver();
  }

  async function request(signal: AbortSignal): Promise<void> {
    tried = clock.now();
    try {
      const set = await fetch(signal);
      const print = printOf(set);
      if (print !== present?.print) replace({ keys: createLocalJWKSet(set), over: false, print });
      read = clock.now();
      failures = 0;
    } catch (error) {
      // Everybody who waited has left: that says nothing about the API server, so the next may ask at once.
      if (signal.aborted) {
        tried = Number.NEGATIVE_INFINITY;
        return;
      }
      failures++;
      onFailure(error);
    }
    dropUnread();
  }

  function dropUnread(): void {
    if (present !== undefined && age(read) >= longestUnread) replace(undefined);
  }

  /** Joins a fetch that is under way, starts one if the last is long enough ago. */
  async function fetchUnless(interval: number, signal: AbortSignal): Promise<void> {
    if (flights.size > 0 || age(tried) >= interval) await flights.run('jwks', signal, request);
  }

  function refresh(): void {
    if (present === undefined || age(read) < readEvery || age(tried) < longestRetry) return;
    // It rejects for an aborted signal alone, and this one never is.
    fetchUnless(0, new AbortController().signal).catch(() => {});
  }

  return {
    async get(signal) {
      dropUnread();
      refresh();
      if (present === undefined) {
        const pause = failures === 0 ? 0 : Math.min(firstRetry * 2 ** (failures - 1), longestRetry);
        await fetchUnless(pause, signal);
      }
      return present;
    },
    async getOther(than, signal) {
      if (present === than) await fetchUnless(newerInterval, signal);
      return present === than ? undefined : present;
    },
    refresh,
  };
}

function printOf({ keys }: JSONWebKeySet): string {
  const texts = keys.map((key) => JSON.stringify(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1))));
  return JSON.stringify(texts.sort());
}
