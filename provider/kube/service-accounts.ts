import { isJsonObject, type JsonObject, ownKey } from '../util/json.ts';
import { SecretString } from '../util/secret-string.ts';
import { apiPath, type CallOptions, type KubeApi } from './api.ts';
import { KubeError, noAnswer } from './kube-error.ts';

export interface TokenSpec {
  /** None: the API server's own audience. */
  readonly audiences: readonly string[];
  /** The API server gives at least ten minutes. */
  readonly expirationSeconds: number;
  /** The token ends with this pod. */
  readonly boundPod: { readonly name: string; readonly uid: string };
}

export interface IssuedToken {
  readonly token: SecretString;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** A token of a ServiceAccount: authentication.k8s.io/v1 TokenRequest. Needs `serviceaccounts/token: create`. */
export async function requestToken(
  api: KubeApi,
  namespace: string,
  serviceAccount: string,
  spec: TokenSpec,
  options?: CallOptions,
): Promise<IssuedToken> {
  const path = apiPath('api', 'v1', 'namespaces', namespace, 'serviceaccounts', serviceAccount, 'token');
  const reply = await api.post(path, tokenRequest(spec), options);
  const status = ownKey(reply, 'status');
  const token = isJsonObject(status) ? ownKey(status, 'token') : undefined;
  const expires = isJsonObject(status) ? Date.parse(String(ownKey(status, 'expirationTimestamp'))) : Number.NaN;
  if (typeof token !== 'string' || token === '' || Number.isNaN(expires)) {
    throw new KubeError(undefined, noAnswer.badReply, 'the reply to the TokenRequest holds no token');
  }
  return { token: new SecretString(token), expires };
}

function tokenRequest({ audiences, expirationSeconds, boundPod }: TokenSpec): object {
  return {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences,
      expirationSeconds,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: boundPod.name, uid: boundPod.uid },
    },
  };
}

/** The ServiceAccount as the API server has it. Needs `serviceaccounts: get`. */
export async function getServiceAccount(
  api: KubeApi,
  namespace: string,
  name: string,
  options?: CallOptions,
): Promise<JsonObject> {
  return await api.get(apiPath('api', 'v1', 'namespaces', namespace, 'serviceaccounts', name), options);
}
