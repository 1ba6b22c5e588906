import { freshnessParameters, shown } from '../common-keys.ts';
import { checkParameterNames, type Parameters } from '../parameters.ts';
import type { Access, InlineSettings } from '../plan.ts';
import type { Problems } from '../problems.ts';
import { parseGoBool } from '../scalars.ts';

const modes = ['usePodIdentity', 'useVMManagedIdentity', 'useAzureTokenProxy'] as const;

const known = [
  'keyvaultName',
  'tenantID',
  'tenantId',
  'cloudName',
  'cloudEnvFileName',
  ...modes,
  'userAssignedIdentityID',
  'clientID',
  'objects',
  'connection',
  ...freshnessParameters,
];

const mistakes: Record<string, string> = {
  keyVaultName: 'keyvaultName',
  vaultName: 'keyvaultName',
  clientId: 'clientID',
  client_id: 'clientID',
  tenant: 'tenantID',
  userAssignedIdentityId: 'userAssignedIdentityID',
  useWorkloadIdentity: 'clientID',
  secrets: 'objects',
};

/** Parameters of the provider's first versions, which still stand in many classes. */
const retired = ['resourceGroup', 'subscriptionId'];

/** Vault, cloud and identity of an Azure class. Every value is trimmed, as the Go provider has it. */
export function readAzureAccess(parameters: Parameters, problems: Problems): Access {
  checkParameterNames(parameters, [...known, ...retired], mistakes, problems);
  const read = (name: string) => parameters.get(name)?.trim() || undefined;
  const named = read('connection');
  const settings = readSettings(read, problems);
  if (named === undefined) {
    checkVault(parameters, read('keyvaultName'), problems);
    return { connection: { kind: 'inline', backend: 'azure-keyvault', profile: 'azure', settings } };
  }
  const extra = Object.keys(settings);
  if (extra.length > 0) {
    const message = `a named connection brings its own ${extra.join(', ')}: remove either the connection or those parameters`;
    problems.error({ path: 'parameters.connection' }, message);
  }
  return { connection: { kind: 'named', name: named } };
}

function readSettings(read: (name: string) => string | undefined, problems: Problems): InlineSettings {
  const settings: Record<string, string | boolean> = {};
  const put = (setting: string, value: string | undefined) => {
    if (value !== undefined) settings[setting] = value;
  };
  put('vault', read('keyvaultName'));
  put('tenant', read('tenantID') ?? read('tenantId'));
  put('cloudName', read('cloudName'));
  put('environmentFile', read('cloudEnvFileName'));
  const mode = readMode(read, problems);
  put('mode', mode);
  if (mode === 'useVMManagedIdentity') put('clientId', read('userAssignedIdentityID'));
  else {
    put('clientId', read('clientID'));
    if (read('userAssignedIdentityID') !== undefined) {
      const message = 'counts only with useVMManagedIdentity: "true" and is ignored';
      problems.warn({ path: 'parameters.userAssignedIdentityID' }, message);
    }
  }
  return settings;
}

function readMode(read: (name: string) => string | undefined, problems: Problems): string | undefined {
  const on = modes.filter((name) => {
    const text = read(name);
    const value = text === undefined ? false : parseGoBool(text);
    if (value === undefined) {
      problems.error({ path: `parameters.${name}` }, `must be "true" or "false", not ${shown(text ?? '')}`);
    }
    return value === true;
  });
  if (on.length > 1) {
    const message = `only one identity mode can be enabled at a time: usePodIdentity, useVMManagedIdentity, or useAzureTokenProxy`;
    problems.error({ path: `parameters.${on[0]}` }, message);
  } else if (on[0] === 'usePodIdentity') {
    problems.error(
      { path: 'parameters.usePodIdentity' },
      'pod identity is archived and would need the host network: use workload identity (remove usePodIdentity, federate the identity with the ServiceAccount, and name it in clientID or in the annotation azure.workload.identity/client-id)',
    );
  }
  return on[0];
}

function checkVault(parameters: Parameters, vault: string | undefined, problems: Problems): void {
  const at = { path: 'parameters.keyvaultName' };
  if (vault === undefined) {
    const wrong = ['keyVaultName', 'vaultName'].find((name) => parameters.has(name));
    problems.error(
      at,
      wrong === undefined
        ? 'is missing; keyvaultName is the name of the Key Vault'
        : `is missing; it is spelled keyvaultName, not ${wrong}`,
    );
  } else if (vault.length < 3 || vault.length > 24) {
    problems.error(at, `Invalid vault name: ${quoted(vault)}, must be between 3 and 24 chars`);
  } else if (!/^[-a-zA-Z0-9]+$/.test(vault)) {
    problems.error(at, `Invalid vault name: ${quoted(vault)}, must match [-a-zA-Z0-9]{3,24}`);
  }
}

/** A name is no secret, and whoever made a mistake in it looks for it. */
function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 60));
}
