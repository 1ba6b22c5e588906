import { isJsonObject, ownKey } from '../util/json.ts';
import { apiPath, type CallOptions, type KubeApi } from './api.ts';
import { KubeError, noAnswer } from './kube-error.ts';

/** Which Secret. */
export interface SecretName {
  readonly namespace: string;
  readonly name: string;
}

/** One field of a Secret; undefined: the Secret has no such field. Needs `secrets: get`. Throws KubeError, 404 where there is none. */
export async function getSecretField(
  api: KubeApi,
  { namespace, name }: SecretName,
  field: string,
  options?: CallOptions,
): Promise<Buffer | undefined> {
  const secret = await api.get(apiPath('api', 'v1', 'namespaces', namespace, 'secrets', name), options);
  const data = ownKey(secret, 'data');
  const value = isJsonObject(data) ? ownKey(data, field) : undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw new KubeError(undefined, noAnswer.badReply, 'the Secret is not as it should be');
  return Buffer.from(value, 'base64');
}

/** An immutable Secret with one field. Needs `secrets: create`. Throws KubeError, 409 `AlreadyExists` where there is one. */
export async function createImmutableSecret(
  api: KubeApi,
  { namespace, name }: SecretName,
  field: string,
  value: Uint8Array,
  options?: CallOptions,
): Promise<void> {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    type: 'Opaque',
    immutable: true,
    data: { [field]: Buffer.from(value).toString('base64') },
  };
  await api.post(apiPath('api', 'v1', 'namespaces', namespace, 'secrets'), secret, options);
}
