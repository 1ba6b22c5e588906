import { type DriverRequest, driverRequest, type Publish } from '../lab/driver-attributes.ts';
import { aPod } from '../lab/pod.ts';
import { podTokens, type TokenIssuer, type TokenOptions } from '../lab/pod-token.ts';
import { canaries } from './keymount.ts';

/** A Mount as the driver makes it. */
export interface PodMount extends Omit<Publish, 'pod' | 'tokens'> {
  pod?: Publish['pod'];
  /** Of the tokens that the driver sends, `vault` unless told; none: it sends none. */
  audiences?: string[];
  token?: TokenOptions;
}

/** The request of a pod, whose tokens no output may show. */
export function requestOf(issuer: TokenIssuer, mount: PodMount): DriverRequest {
  const { pod = aPod(), audiences = ['vault'], token, ...publish } = mount;
  const tokens = podTokens(issuer, pod, audiences, token);
  for (const each of Object.values(tokens)) canaries.watchJwt('the token of a pod', each.token);
  for (const [name, value] of Object.entries(publish.nodePublishSecret ?? {})) {
    if (value.length >= 16) canaries.watch(`${name} of nodePublishSecretRef`, value);
  }
  return driverRequest({ ...publish, pod, ...(audiences.length === 0 ? {} : { tokens }) });
}

/** `spec.parameters` of a class for vault.sock or openbao.sock: role `app`, and one object after the other. */
export function vaultClass(objects: Record<string, unknown>[], parameters: Record<string, string> = {}) {
  return { roleName: 'app', ...parameters, objects: JSON.stringify(objects) };
}

/** The class that reads what the fake Vault has. */
export const passwordClass = vaultClass([
  { objectName: 'password', secretPath: 'secret/data/app', secretKey: 'password' },
]);
