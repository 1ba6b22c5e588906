import type { DialectName, InlineSettings } from '../../plan/plan.ts';
import type { AllowRule } from '../../settings/settings.ts';
import type { AdminSettings } from '../backend.ts';
import type { GcpAuth, GcpConnection } from './connection.ts';
import { endpointsOf } from './endpoints.ts';

/**
 * The connection of a drop-in class, which chooses only as whom to ask: `auth` is `pod-adc` or `provider-adc`, or absent for the
 * first, before which goes the key in `nodePublishSecretRef` where the admin allows such keys.
 */
export function inlineConnection(
  settings: InlineSettings,
  _profile: DialectName,
  { dropIn }: AdminSettings,
): GcpConnection {
  const { cluster, credentials, providerIdentity, publishSecret, ...rest } = dropIn.gcp;
  const { auth } = settings;
  return {
    endpoints: endpointsOf(rest),
    project: undefined,
    location: 'global',
    auth: auth === 'provider-adc' ? { method: 'provider-adc', credentials, refusesKey: publishSecret } : podAdc(),
    ca: rest.ca,
    timeout: rest.timeout,
    retries: rest.retries,
    maxConcurrent: rest.maxConcurrent,
    proxy: rest.proxy,
    allow: auth === 'provider-adc' ? providerIdentity.map(ruleOf) : undefined,
  };

  function podAdc(): GcpAuth {
    const given = auth === 'pod-adc' ? 'refused' : 'allowed';
    return {
      method: 'workload-identity',
      cluster,
      credentials,
      audience: undefined,
      serviceAccount: undefined,
      delegates: [],
      publishSecret: publishSecret ? given : 'ignored',
    };
  }
}

/** `shop/web`, `shop/*`. */
function ruleOf(text: string): AllowRule {
  const [namespace = '', serviceAccount = '*'] = text.split('/');
  return { namespaces: [namespace], serviceAccounts: [serviceAccount] };
}
