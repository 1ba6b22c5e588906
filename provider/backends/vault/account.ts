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
  const uid = fieldOf(metadata, 'uid');
  const isTheirs =
    isOfKubernetes(metadata) &&
    fieldOf(metadata, 'name') === identity.serviceAccount &&
    fieldOf(metadata, 'namespace') === identity.namespace;
  return isTheirs && typeof uid === 'string' && uid !== '' ? uid : undefined;
}

/** Was it the `kubernetes` method, and a token that is bound to a pod? */
export function isOfKubernetes(metadata: JsonValue | undefined): boolean {
  return fieldOf(metadata, 'secret_name') === '';
}

function fieldOf(metadata: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(metadata) ? ownKey(metadata, `service_account_${name}`) : undefined;
}
