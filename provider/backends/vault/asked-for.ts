import type { Source } from '../../plan/plan.ts';
import type { AskedFor } from '../backend.ts';
import type { VaultRef } from './ref.ts';

/**
 * What `allow` rules judge of a path: `/v1/secret/data/app` of the API, decoded as the server decodes it, `kv/app` as the CLI writes
 * it, each without its query.
 */
export function askedOfVault(ref: VaultRef, { address }: Source): AskedFor {
  if (ref.kind === 'cli') return { method: 'GET', name: ref.path };
  const [path = '', query] = ref.target.split('?', 2);
  const name = decoded(path);
  const unjudged = new Set([...new URLSearchParams(query ?? '').keys()].filter((key) => key !== 'version'));
  return {
    method: ref.method,
    name: name === undefined || !address.startsWith('/v1/') ? name : `/v1/${name}`,
    ...(unjudged.size === 0 ? {} : { query: [...unjudged] }),
  };
}

/** Undefined: it is no UTF-8, and nothing that an admin writes equals it. */
function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
