import type { Reply } from '../../net/request.ts';
import { ownKey } from '../../util/json.ts';
import type { Found } from './mounts.ts';
import { jsonObjectOf } from './reply.ts';

/**
 * The commonest mistake: a KV version 2 path without `data/`, or `data/` in a path of KV version 1. Tells from the mount, or else
 * from the warning that Vault puts into its 404, what the author may have meant.
 */
export function hintPath(path: string, reply: Reply, found: Found | undefined): string | undefined {
  const mount = found !== undefined && 'mount' in found ? found.mount : undefined;
  if (mount === undefined) {
    const [first = '', ...rest] = path.split('/');
    return saysKv2(reply) && rest.length > 0 ? meant(`${first}/`, 'data/', rest.join('/'), '2') : undefined;
  }
  const rest = path.slice(mount.path.length);
  // Only a CLI path becomes this: `data/` is put in by itself there.
  if (mount.engine === 'kv2' && rest.startsWith('data/data/')) return meant(mount.path, '', rest.slice(10), '2');
  if (mount.engine === 'kv2' && !/^(?:data|metadata|subkeys|config)(?:\/|$)/.test(rest))
    return meant(mount.path, 'data/', rest, '2');
  if (mount.engine === 'kv1' && rest.startsWith('data/')) return meant(mount.path, '', rest.slice('data/'.length), '1');
  return undefined;
}

function meant(mount: string, infix: string, rest: string, version: string): string {
  return `did you mean ${mount}${infix}${rest}? ${mount} is KV version ${version}`;
}

function saysKv2({ body }: Reply): boolean {
  const warnings = ownKey(jsonObjectOf(body) ?? {}, 'warnings');
  return Array.isArray(warnings) && warnings.some((one) => typeof one === 'string' && /versioned K\/V/i.test(one));
}
