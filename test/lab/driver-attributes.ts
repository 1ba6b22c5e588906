import { goJson } from './go-json.ts';
import type { Pod } from './pod.ts';
import type { PodTokens } from './pod-token.ts';

/** A volume that kubelet asks the driver to publish. */
export interface Publish {
  /** `spec.parameters` of the SecretProviderClass. */
  parameters: Record<string, string>;
  pod: Pod;
  /** The class's name, `test` unless told. */
  className?: string | undefined;
  /** What the pod's author wrote below `volumeAttributes` besides `secretProviderClass`. */
  volumeAttributes?: Record<string, string> | undefined;
  /** What CSIDriver `tokenRequests` yield. None: the driver's CSIDriver has no tokenRequests. */
  tokens?: PodTokens | undefined;
  /** True for a CSIDriver with `serviceAccountTokenInSecrets` (the driver's chart on Kubernetes 1.35 and later). */
  tokensInSecrets?: boolean | undefined;
  /** Data of the Secret named by `nodePublishSecretRef`. */
  nodePublishSecret?: Record<string, string> | undefined;
}

/** The text fields of a MountRequest. */
export interface DriverRequest {
  attributes: string;
  /** JSON; `null` when there are none, as Go writes a nil map. */
  secrets: string;
}

const tokensKey = 'csi.storage.k8s.io/serviceAccount.tokens';

/**
 * The MountRequest that driver v1.6.0 makes of a volume: the class's parameters, written over by the volume context
 * (nodeserver.go, `maps.Copy(parameters, attrib)`), then by the tokens. In the volume context kubelet writes pod facts
 * over the author's `volumeAttributes`; without tokens nobody writes over a parameter that names itself
 * `csi.storage.k8s.io/serviceAccount.tokens`.
 */
export function driverRequest(publish: Publish): DriverRequest {
  const { parameters, tokensInSecrets = false, nodePublishSecret } = publish;
  const tokens = publish.tokens && { [tokensKey]: goTokens(publish.tokens) };
  // the driver copies tokens of the secrets into the attributes, and leaves them in the secrets too
  const secrets = tokens && tokensInSecrets ? { ...nodePublishSecret, ...tokens } : nodePublishSecret;
  return {
    attributes: goJson({ ...parameters, ...volumeContext(publish), ...tokens }),
    secrets: secrets === undefined ? 'null' : goJson(secrets),
  };
}

/** The volume context of an inline volume (k8s.io/kubernetes v1.34, pkg/volume/csi/csi_mounter.go, `mergeMap`). */
function volumeContext({ pod, className = 'test', volumeAttributes = {} }: Publish): Record<string, string> {
  return {
    secretProviderClass: className,
    ...volumeAttributes,
    'csi.storage.k8s.io/pod.name': pod.name,
    'csi.storage.k8s.io/pod.namespace': pod.namespace,
    'csi.storage.k8s.io/pod.uid': pod.uid,
    'csi.storage.k8s.io/serviceAccount.name': pod.serviceAccount,
    'csi.storage.k8s.io/ephemeral': 'true',
  };
}

function goTokens(tokens: PodTokens): string {
  const audiences = Object.keys(tokens).sort();
  return JSON.stringify(Object.fromEntries(audiences.map((audience) => [audience, tokens[audience]])));
}
