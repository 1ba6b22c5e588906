import { freshnessParameters } from '../common-keys.ts';
import { checkParameterNames, type Parameters } from '../parameters.ts';
import type { Access, DialectName, InlineSettings } from '../plan.ts';
import type { Problems } from '../problems.ts';
import { parseGoBool } from '../scalars.ts';

/** Parameter suffix → the connection setting it sets. The Go providers write them with the prefix `vault`, `openbao` or `bao`. */
const settingOf = {
  Address: 'address',
  Namespace: 'namespace',
  CACertPath: 'caCert',
  CADirectory: 'caDir',
  TLSServerName: 'serverName',
  TLSClientCertPath: 'clientCert',
  TLSClientKeyPath: 'clientKey',
  KubernetesMountPath: 'authMount',
  AuthMountPath: 'authMount',
} as const;

const skipVerify = 'SkipTLSVerify';
const plainNames = ['roleName', 'audience', 'objects', 'connection', ...freshnessParameters];

const mistakes: Record<string, string> = {
  vaultRole: 'roleName',
  vaultRoleName: 'roleName',
  role: 'roleName',
  vaultAddr: 'vaultAddress',
  VAULT_ADDR: 'vaultAddress',
  namespace: 'vaultNamespace',
  vaultSkipVerify: 'vaultSkipTLSVerify',
  vaultMountPath: 'vaultAuthMountPath',
  vaultCACert: 'vaultCACertPath',
  secrets: 'objects',
};

/** Prefixes in the order in which they win; the OpenBao provider takes all three, the Vault provider its own. */
function prefixesOf(dialect: DialectName): readonly string[] {
  return dialect === 'openbao' ? ['bao', 'openbao', 'vault'] : ['vault'];
}

/** Connection, role and audience of a Vault or OpenBao class. */
export function readVaultAccess(dialect: DialectName, parameters: Parameters, problems: Problems): Access {
  const prefixes = prefixesOf(dialect);
  const roleNames =
    dialect === 'openbao' ? [...prefixes.map((prefix) => `${prefix}RoleName`), 'roleName'] : ['roleName'];
  const suffixes = [...Object.keys(settingOf), skipVerify];
  const known = [
    ...prefixes.flatMap((prefix) => suffixes.map((suffix) => prefix + suffix)),
    ...roleNames,
    ...plainNames,
  ];
  checkParameterNames(
    parameters,
    known,
    dialect === 'vault' ? mistakes : { ...mistakes, vaultRoleName: 'vaultRoleName' },
    problems,
  );

  const first = (names: readonly string[]) => names.find((name) => (parameters.get(name) ?? '') !== '');
  const roleParameter = first(roleNames);
  const connection = parameters.get('connection');
  if (roleParameter === undefined && !connection) missingRole(parameters, problems);
  const settings = readSettings(prefixes, parameters, problems);
  if (connection && Object.keys(settings).length > 0) {
    problems.error(
      { path: 'parameters.connection' },
      `a named connection brings its own ${Object.keys(settings).join(', ')}: remove either the connection or those parameters`,
    );
  }
  const role = roleParameter === undefined ? undefined : parameters.get(roleParameter);
  const audience = parameters.get('audience');
  return {
    connection: connection
      ? { kind: 'named', name: connection }
      : { kind: 'inline', backend: 'vault', profile: dialect, settings },
    ...(role === undefined ? {} : { role }),
    ...(audience ? { audience } : {}),
  };
}

function readSettings(prefixes: readonly string[], parameters: Parameters, problems: Problems): InlineSettings {
  const settings: Record<string, string | boolean> = {};
  for (const [suffix, setting] of Object.entries(settingOf)) {
    const value = prefixes
      .map((prefix) => parameters.get(prefix + suffix))
      .find((text) => text !== undefined && text !== '');
    if (value === undefined) continue;
    if (setting === 'authMount' && settings['authMount'] !== undefined) {
      problems.error(
        { path: 'parameters' },
        `cannot set both ${prefixes.at(-1)}KubernetesMountPath and ${prefixes.at(-1)}AuthMountPath, which mean the same: keep one`,
      );
    }
    settings[setting] = value;
  }
  const skip = prefixes.map((prefix) => prefix + skipVerify).find((name) => (parameters.get(name) ?? '') !== '');
  if (skip !== undefined) {
    const value = parseGoBool(parameters.get(skip) ?? '');
    if (value === undefined) problems.error({ path: `parameters.${skip}` }, 'must be "true" or "false"');
    // "false" is the default and cannot undo an admin's setting: the same connection as without the parameter.
    if (value === true) settings['skipVerify'] = true;
  }
  if ((settings['clientCert'] === undefined) !== (settings['clientKey'] === undefined)) {
    problems.error(
      { path: 'parameters' },
      'both client cert and client key must be provided: TLSClientCertPath and TLSClientKeyPath',
    );
  }
  return settings;
}

function missingRole(parameters: Parameters, problems: Problems): void {
  const wrong = ['vaultRole', 'role', 'vaultRoleName'].find((name) => parameters.has(name));
  problems.error(
    { path: 'parameters.roleName' },
    wrong === undefined
      ? 'is missing; it is the role that the pod logs in with'
      : `is missing; it is spelled roleName, not ${wrong}`,
  );
}
