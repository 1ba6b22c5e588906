import { LRUCache } from 'lru-cache';
import type { Backend } from '../backends/backend.ts';
import { backendKinds, loadBackend } from '../backends/registry.ts';
import { KeymountError } from '../errors.ts';
import type { ConnectionRef } from '../plan/plan.ts';
import type { AllowRule, Settings } from '../settings/settings.ts';
import { nearest } from '../util/nearest.ts';

/** Where and how to ask: a backend with its settings, checked. The same settings are always the same object. */
export interface Connection {
  /** As messages name it: `connection "vault-prod"`, `https://vault:8200`. */
  readonly title: string;
  /** What sessions of it are remembered by. */
  readonly key: string;
  readonly backend: Backend;
  readonly settings: unknown;
  readonly allow: readonly AllowRule[] | undefined;
}

/** The connections of the configuration file, checked at start, and those that classes describe themselves. */
export class Connections {
  readonly #settings: Settings;
  readonly #named = new Map<string, Connection>();
  // Each may hold sockets. Class authors choose how many there are, so the unused ones go.
  readonly #inline = new LRUCache<string, Connection>({ max: 200 });

  private constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Throws `settings-invalid` that lists what is wrong with every connection of the file. */
  static async open(settings: Settings): Promise<Connections> {
    const connections = new Connections(settings);
    const problems: string[] = [];
    for (const [name, { kind, allow, ...rest }] of Object.entries(settings.connections)) {
      const backend = await loadBackend(kind);
      if (backend === undefined) {
        const guess = nearest(kind, backendKinds);
        problems.push(
          `connections.${name}.kind: ${JSON.stringify(kind)} is not one of ${backendKinds.join(', ')}${guess ? `; did you mean ${guess}?` : ''}`,
        );
        continue;
      }
      const checked = backend.connectionSchema.safeParse(rest);
      if (checked.success) {
        connections.#named.set(name, {
          title: `connection "${name}"`,
          key: `named ${name}`,
          backend,
          settings: checked.data,
          allow,
        });
        continue;
      }
      for (const { path, message } of checked.error.issues)
        problems.push(`${['connections', name, ...path].join('.')}: ${message}`);
    }
    if (problems.length > 0) throw new KeymountError('settings-invalid', problems.join(' | '));
    return connections;
  }

  /** Throws `connection-unknown`, and `address-not-allowed` for a class-chosen address or file that the admin did not allow. */
  async resolve(ref: ConnectionRef): Promise<Connection> {
    if (ref.kind === 'named') {
      const connection = this.#named.get(ref.name);
      if (connection === undefined) throw unknownConnection(ref.name, [...this.#named.keys()]);
      return connection;
    }
    const key = inlineKey(ref);
    const known = this.#inline.get(key);
    if (known !== undefined) return known;
    const backend = await loadBackend(ref.backend);
    if (backend?.inlineConnection === undefined)
      throw new KeymountError('internal', `no drop-in backend ${ref.backend}`);
    const settings = backend.inlineConnection(ref.settings, ref.profile, this.#settings);
    const title = backend.titleOf?.(settings) ?? `the connection of this ${ref.profile} class`;
    const connection = { title, key, backend, settings, allow: backend.allowOf?.(settings) };
    this.#inline.set(key, connection);
    return connection;
  }
}

/** References belong to plans, which are kept. */
const inlineKeys = new WeakMap<ConnectionRef, string>();

function inlineKey(ref: ConnectionRef): string {
  let key = inlineKeys.get(ref);
  if (key === undefined) {
    key = `inline ${JSON.stringify(ref)}`;
    inlineKeys.set(ref, key);
  }
  return key;
}

function unknownConnection(name: string, known: readonly string[]): KeymountError {
  const guess = nearest(name, known);
  // Names of other connections are the admin's business; one that is nearly the same is no secret to who wrote it.
  const hint =
    guess === undefined ? 'ask the admin of keymount which connections there are' : `did you mean "${guess}"?`;
  return new KeymountError('connection-unknown', `there is no connection "${name}"`, { hint });
}
