import { LRUCache } from 'lru-cache';
import type { Reply } from '../../net/request.ts';
import { Flights } from '../../util/flight.ts';
import { isJsonObject, ownKey } from '../../util/json.ts';
import { encodePath } from './ref.ts';
import { type Engine, jsonObjectOf } from './reply.ts';

/** A mounted secrets engine. */
export interface Mount {
  /** With its final slash: `kv/`, `team/kv/`. */
  readonly path: string;
  readonly engine: Engine;
  /** As the server names it: `kv`, `database`, `pki`. */
  readonly type: string;
}

/** What is known of a path: its mount, or the reply that told us nothing. */
export type Found = { readonly mount: Mount } | { readonly reply: Reply };

/** Asks the server with somebody's token; `target` is a path below `/v1/`. */
export type Ask = (target: string, token: string, signal: AbortSignal) => Promise<Reply>;

/** Milliseconds for which a mount is taken for what it was. */
const knownFor = 300_000;

/**
 * The mounts of one connection, asked for by whoever needs one first. What a mount is, is the same for everybody; who may read
 * there, the server says at each read.
 */
export class Mounts {
  readonly #ask: Ask;
  readonly #now: () => number;
  readonly #known = new LRUCache<string, { mount: Mount; until: number }>({ max: 500 });
  readonly #flights = new Flights<{ path: string; token: string; found: Found }>();

  constructor(ask: Ask, now: () => number) {
    this.#ask = ask;
    this.#now = now;
  }

  /** The mount of a path (decoded, below `/v1/`). Of paths that begin alike the first may answer for all. */
  async find(path: string, token: string, signal: AbortSignal): Promise<Found> {
    const mount = this.#lookUp(path);
    if (mount !== undefined) return { mount };
    const [first = ''] = path.split('/', 1);
    const flight = await this.#flights.run(first, signal, async (shared) => ({
      path,
      token,
      found: await this.#request(path, token, shared),
    }));
    const isOurs = flight.path === path && flight.token === token;
    // Somebody else's refusal is none of ours.
    if (isOurs || ('mount' in flight.found && path.startsWith(flight.found.mount.path))) return flight.found;
    return await this.#request(path, token, signal);
  }

  /** The type of a path's mount, where somebody has asked for it. */
  typeOf(path: string): string | undefined {
    return this.#lookUp(path)?.type;
  }

  /** Mounts never nest, so at most one is a prefix. */
  #lookUp(path: string): Mount | undefined {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const known = this.#known.get(path.slice(0, slash + 1));
      if (known !== undefined && known.until > this.#now()) return known.mount;
    }
    return undefined;
  }

  /** https://developer.hashicorp.com/vault/api-docs/system/internal-ui-mounts#get-single-mount-details */
  async #request(path: string, token: string, signal: AbortSignal): Promise<Found> {
    const reply = await this.#ask(`sys/internal/ui/mounts/${encodePath(path)}`, token, signal);
    const mount = reply.status === 200 ? mountOf(reply) : undefined;
    // A mount within a child namespace is named without that namespace: nothing can be built on it.
    if (mount === undefined || !path.startsWith(mount.path)) return { reply };
    this.#known.set(mount.path, { mount, until: this.#now() + knownFor });
    return { mount };
  }
}

function mountOf({ body }: Reply): Mount | undefined {
  const data = ownKey(jsonObjectOf(body) ?? {}, 'data');
  if (!isJsonObject(data)) return undefined;
  const path = ownKey(data, 'path');
  const type = ownKey(data, 'type');
  const options = ownKey(data, 'options');
  if (typeof path !== 'string' || typeof type !== 'string' || !/^[^/].*\/$/.test(path)) return undefined;
  const version = isJsonObject(options) ? ownKey(options, 'version') : undefined;
  const isKv = type === 'kv' || type === 'generic';
  return { path, engine: isKv ? (version === '2' ? 'kv2' : 'kv1') : 'api', type };
}
