import type { AskedFor, Backend, Identity } from '../backends/backend.ts';
import { KeymountError } from '../errors.ts';
import type { Source } from '../plan/plan.ts';
import { type Denial, denialOf } from './allow.ts';
import type { Connection } from './connections.ts';

/** Throws `connection-not-allowed` unless the connection's rules let this identity read all of these. */
export function checkAllowed(connection: Connection, identity: Identity, sources: readonly Source[]): void {
  const { title, backend, settings, allow } = connection;
  const trust = backend.identityOf(settings);
  if (trust === 'pod' && allow === undefined) return;
  if (trust === 'admin' && !identity.proven) {
    throw new KeymountError('connection-not-allowed', `nothing proves to ${title} which pod asks`, {
      hint: 'it needs a ServiceAccount token from the driver (tokenRequests of the CSIDriver) and access to the cluster, or trustDriver: true on the connection',
    });
  }
  for (const source of sources) {
    const asked = askedFor(backend, source);
    const denial = asked === undefined ? undefined : denialOf(allow ?? [], identity, asked);
    if (asked !== undefined && denial !== undefined) throw refusal(connection, identity, source, asked, denial);
  }
}

/** Sources belong to plans, which are kept, and each has one connection for good. */
const known = new WeakMap<Source, AskedFor>();

/** Undefined: the address is none of this backend, so nothing is asked for, and the read itself says why. */
function askedFor(backend: Backend, source: Source): AskedFor | undefined {
  let asked = known.get(source);
  if (asked === undefined) {
    try {
      const ref = backend.parseRef(source);
      asked = backend.requestOf?.(ref, source) ?? { method: 'GET', name: source.address };
    } catch {
      return undefined;
    }
    known.set(source, asked);
  }
  return asked;
}

function refusal(
  { title, key, backend }: Connection,
  { namespace, serviceAccount }: Identity,
  { address, at }: Source,
  { method, name = address, query = [] }: AskedFor,
  denial: Denial,
): KeymountError {
  const verb = method === 'GET' ? 'read' : method;
  const message = `${title} does not allow ServiceAccount ${namespace}/${serviceAccount} to ${verb} ${name}`;
  const hints: Readonly<Record<Denial, string>> = {
    secret:
      key.startsWith('inline ') && backend.allowSetting !== undefined
        ? `it asks as somebody else than the pod; the admin of keymount lists who may do that in ${backend.allowSetting}`
        : 'the admin of keymount lists namespaces, serviceAccounts and secrets in the allow rules of the connection',
    method: `a rule of allow lets GET through alone, unless the admin of keymount adds methods: [${method}] to it`,
    query: 'where allow rules decide, a path may have no query but version',
  };
  const reason = denial === 'query' ? `with the query ${query.slice(0, 3).map(shownName).join(', ')}` : undefined;
  return new KeymountError('connection-not-allowed', message, { at, reason, hint: hints[denial] });
}

function shownName(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}
