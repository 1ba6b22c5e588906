import { isJsonObject, type JsonValue, ownKey } from '../../util/json.ts';
import type { Identity } from '../backend.ts';

/**
 * The uid of the ServiceAccount whom the `kubernetes` method logged in, by the `metadata` of a login's reply; undefined where it was
 * another method, or somebody else.
 *
 * A role of the `jwt` method copies claims into metadata under any names (`claim_mappings`; only `role` is reserved), while what it
 * grants may go by the pod. So one field says nothing. The `kubernetes` method writes all four of these
 * (https://github.com/hashicorp/vault-plugin-auth-kubernetes, `path_login.go`), and for a token that is bound to a pod the name of its
 * Secret is empty: such a token comes from no Secret, and none of its claims is an empty text that `jwt` could copy.
 */
export function accountOf(metadata: JsonValue | undefined, identity: Identity): string | undefined {
  if (!isJsonObject(metadata)) return undefined;
  const field = (name: string) => ownKey(metadata, `service_account_${name}`);
  const uid = field('uid');
  const isKubernetes =
    field('name') === identity.serviceAccount &&
    field('namespace') === identity.namespace &&
    field('secret_name') === '';
  return isKubernetes && typeof uid === 'string' && uid !== '' ? uid : undefined;
}
