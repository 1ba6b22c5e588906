import { KeymountError } from '../../errors.ts';
import { type Address, parseAddress } from '../../net/address.ts';
import type { DialectName, InlineSettings } from '../../plan/plan.ts';
import type { AllowRule, AzureDropIn } from '../../settings/settings.ts';
import type { AdminSettings } from '../backend.ts';
import { type CloudChoice, findCloud, isStackCloud } from './clouds.ts';
import { type AzureAuth, type AzureConnection, isClientId, isTenant, isVaultName } from './connection.ts';

/**
 * A connection as a drop-in class describes it, over the admin's defaults. The settings are `vault`, `tenant`, `cloudName`,
 * `environmentFile`, `clientId` and `mode`, the name of one of the class's `use…` parameters. Throws `class-invalid`.
 */
export function inlineConnection(
  settings: InlineSettings,
  _profile: DialectName,
  { dropIn }: AdminSettings,
): AzureConnection {
  const defaults = dropIn.azure;
  const tenant = checked(settings, 'tenant', isTenant, 'tenantID must be the id or the domain of a tenant');
  return {
    vault: checked(settings, 'vault', isVaultName, 'keyvaultName must match [-a-zA-Z0-9]{3,24}') ?? '',
    cloud: cloudOf(settings, defaults),
    authority: undefined,
    tenant,
    fallbackTenant: defaults.tenant,
    auth: authOf(settings, defaults),
    allow: settings['mode'] === 'useVMManagedIdentity' ? defaults.managedIdentity.map(ruleOf) : undefined,
    constructPemChain: defaults.constructPemChain,
    tokenRequest: defaults.tokenRequest,
    tls: { ca: defaults.ca === undefined ? undefined : { path: defaults.ca }, skipVerify: false },
    timeout: defaults.timeout,
    retries: defaults.retries,
    maxConcurrent: defaults.maxConcurrent,
    proxy: defaults.proxy,
    guarded: true,
  };
}

/** `shop/web`, `shop/*`. */
function ruleOf(text: string): AllowRule {
  const [namespace = '', serviceAccount = '*'] = text.split('/');
  return { namespaces: [namespace], serviceAccounts: [serviceAccount] };
}

function authOf(settings: InlineSettings, defaults: AzureDropIn): AzureAuth {
  const clientId = checked(settings, 'clientId', isClientId, 'clientID must be the client id of an identity');
  const { audience, tokenProxy } = defaults;
  switch (settings['mode']) {
    case 'useVMManagedIdentity':
      return { method: 'managed-identity', clientId, endpoint: addressOf(defaults.managedIdentityEndpoint) };
    case 'useAzureTokenProxy': {
      const { url, sniName, ca } = tokenProxy;
      return { method: 'identity-binding', clientId, proxy: { address: addressOf(url), sniName, ca } };
    }
    default:
      return clientId === undefined ? { method: 'pod', audience } : { method: 'workload-identity', clientId, audience };
  }
}

function cloudOf(settings: InlineSettings, defaults: AzureDropIn): CloudChoice {
  const name = text(settings, 'cloudName') ?? defaults.cloudName;
  const cloud = findCloud(name);
  if (cloud !== undefined) return { kind: 'known', cloud };
  const at = { path: 'parameters.cloudName' };
  if (!isStackCloud(name)) {
    throw new KeymountError('class-invalid', `cloudName ${name.slice(0, 60)} is not valid`, {
      at,
      hint: 'it is AzurePublicCloud, AzureUSGovernmentCloud, AzureChinaCloud, AzureGermanCloud or AzureStackCloud',
    });
  }
  const chosen = text(settings, 'environmentFile');
  if (chosen !== undefined && chosen !== defaults.environmentFile) {
    return { kind: 'file', path: chosen, below: defaults.environmentDir };
  }
  if (defaults.environmentFile !== undefined) {
    return { kind: 'file', path: defaults.environmentFile, below: undefined };
  }
  throw new KeymountError('class-invalid', `cloudName ${name} needs the file that describes the cloud`, {
    at,
    hint: 'name it in cloudEnvFileName',
  });
}

function addressOf(value: string): Address {
  const result = parseAddress(value);
  if ('address' in result) return result.address;
  throw new KeymountError('settings-invalid', `an address in dropIn.azure ${result.problem}`);
}

function checked(
  settings: InlineSettings,
  name: string,
  test: (value: string) => boolean,
  message: string,
): string | undefined {
  const value = text(settings, name);
  if (value === undefined || test(value)) return value;
  throw new KeymountError('class-invalid', message, { at: { path: 'parameters' } });
}

function text(settings: InlineSettings, name: string): string | undefined {
  const value = Object.hasOwn(settings, name) ? settings[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
