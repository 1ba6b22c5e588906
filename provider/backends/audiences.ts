/**
 * The audiences that the stores log pods in by. A ServiceAccount token for one of them is worth the pod's access there, so no server
 * that a class alone chose may be shown it.
 */

/** https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html */
export const irsaAudience = 'sts.amazonaws.com';
/** https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html */
export const podIdentityAudience = 'pods.eks.amazonaws.com';
/** https://azure.github.io/azure-workload-identity/docs/ */
export const azureAudience = 'api://AzureADTokenExchange';
/** Of the token proxy of AKS identity binding. */
export const azureBindingAudience = 'api://AKSIdentityBinding';

// STS has regional names, Entra ID's national clouds have names with an ending (api://AzureADTokenExchangeUSGov), Google's pools are
// PROJECT.svc.id.goog, //iam.googleapis.com/projects/…, or one of its URLs; an API server takes its issuer or its own name.
const stores: readonly [pattern: RegExp, store: string][] = [
  [/^(?:https?:\/\/)?(?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?(?:[/:]|$)/, 'AWS'],
  [/^api:\/\/(?:azureadtokenexchange|aksidentitybinding)/, 'Azure'],
  [/\.svc\.id\.goog$|^identitynamespace:|^(?:https?:)?\/\/(?:[a-z0-9-]+\.)*googleapis\.com(?:[/:]|$)/, 'Google Cloud'],
  [/^(?:https:\/\/)?kubernetes(?:\.default(?:\.svc(?:\.[a-z0-9.-]+)?)?)?(?::\d+)?\/?$/, 'the API server'],
];

/** Whose audience it is by its name; undefined: that of no store which is known. */
export function storeOf(audience: string): string | undefined {
  const name = audience.toLowerCase();
  return stores.find(([pattern]) => pattern.test(name))?.[1];
}
