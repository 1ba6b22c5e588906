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
}

/** What is known of a path: its mount, or the reply that told us nothing. */
export type Found = { readonly mount: Mount } | { readonly reply: Reply };

/** Asks the server; `target` is a path below `/v1/`. */
export type Ask = (target: string, signal: AbortSignal) => Promise<Reply>;

/** The mounts that one session may see, asked for once each. */
export class Mounts {
  readonly #ask: Ask;
  readonly #known = new Map<string, Mount>();
  readonly #flights = new Flights<{ path: string; found: Found }>();

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** The mount of a path (decoded, below `/v1/`). Of paths that begin alike the first may answer for all. */
  async find(path: string, signal: AbortSignal): Promise<Found> {
    const mount = this.#lookUp(path);
    if (mount !== undefined) return { mount };
    const [first = ''] = path.split('/', 1);
    const flight = await this.#flights.run(first, signal, async (shared) => ({
      path,
      found: await this.#request(path, shared),
    }));
    const answersUs = flight.path === path || ('mount' in flight.found && path.startsWith(flight.found.mount.path));
    return answersUs ? flight.found : await this.#request(path, signal);
  }

  /** Mounts never nest, so at most one is a prefix. */
  #lookUp(path: string): Mount | undefined {
    for (const mount of this.#known.values()) if (path.startsWith(mount.path)) return mount;
    return undefined;
  }

  /** https://developer.hashicorp.com/vault/api-docs/system/internal-ui-mounts#get-single-mount-details */
  async #request(path: string, signal: AbortSignal): Promise<Found> {
    const reply = await this.#ask(`sys/internal/ui/mounts/${encodePath(path)}`, signal);
    const mount = reply.status === 200 ? mountOf(reply) : undefined;
    // A mount within a child namespace is named without that namespace: nothing can be built on it.
    if (mount === undefined || !path.startsWith(mount.path)) return { reply };
    this.#known.set(mount.path, mount);
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
  return { path, engine: isKv ? (version === '2' ? 'kv2' : 'kv1') : 'api' };
}
