import { KeymountError } from '../../errors.ts';
import { type Address, parseAddress } from '../../net/address.ts';
import { type AddressPattern, type Match, matchAddress, parseAddressPattern } from '../../net/address-pattern.ts';
import type { TlsSettings } from '../../net/agents.ts';
import { isForbiddenIp } from '../../net/forbidden-ip.ts';
import type { TlsFile } from '../../net/tls-files.ts';
import type { DialectName, InlineSettings } from '../../plan/plan.ts';
import { isPem } from '../../settings/kinds.ts';
import type { VaultDropIn } from '../../settings/settings.ts';
import type { AdminSettings } from '../backend.ts';
import { adminKeyFiles, otherAudiences } from './admin-files.ts';
import type { VaultConnection } from './connection.ts';
import { parseMount } from './mount-path.ts';

/** What the admin thinks of an address: their own, listed by name or by pattern, or merely not forbidden. */
type Standing = 'own' | Match | 'tolerated';

const at = { path: 'parameters' };

/**
 * A connection as a drop-in class describes it, over the admin's defaults. The settings are `address`, `namespace`, `skipVerify`,
 * `caCert`, `caDir`, `serverName`, `clientCert`, `clientKey` and `authMount`. Throws `address-not-allowed` for what the admin did
 * not allow, and `class-invalid` for what makes no sense.
 */
export function inlineConnection(
  settings: InlineSettings,
  profile: DialectName,
  admin: AdminSettings,
): VaultConnection {
  const { dropIn } = admin;
  const defaults = profile === 'openbao' ? dropIn.openbao : dropIn.vault;
  const own = addressOf(defaults.address, 'settings-invalid');
  const patterns = (defaults.allowedAddresses ?? []).map(patternOf);
  const chosen = text(settings, 'address');
  const address = chosen === undefined ? own : addressOf(chosen, 'class-invalid');
  const standing = standingOf(address, own, defaults.allowedAddresses === undefined ? undefined : patterns);
  const mount = mountOf(defaults.authMount, 'settings-invalid');
  const chosenMount = text(settings, 'authMount');
  const authMount = chosenMount === undefined ? mount : mountOf(chosenMount, 'class-invalid');
  // The cert auth method goes by the TLS connection alone: with the admin's certificate a class could log in as the admin.
  const lendCertificate = standing !== 'tolerated' && authMount === mount;
  return {
    address,
    namespace: text(settings, 'namespace') ?? defaults.namespace,
    tls: tlsOf(settings, defaults.tls, lendCertificate, admin),
    auth: {
      method: 'pod',
      mount: authMount,
      appRoleMount: chosenMount === undefined ? 'approle' : authMount,
      audience: defaults.audience,
    },
    timeout: defaults.timeout,
    retries: defaults.retries,
    maxConcurrent: defaults.maxConcurrent,
    proxy: defaults.proxy,
    alsoAt: patterns,
    guarded: standing === 'pattern' || standing === 'tolerated',
    ...(standing === 'tolerated'
      ? {
          chosenByClass: {
            listed: defaults.audiences,
            ofOtherStores: otherAudiences(admin),
            settings: profile === 'openbao' ? 'dropIn.openbao' : 'dropIn.vault',
          },
        }
      : {}),
  };
}

function standingOf(address: Address, own: Address, patterns: readonly AddressPattern[] | undefined): Standing {
  if (address.text === own.text) return 'own';
  if (patterns !== undefined) {
    const match = matchAddress(patterns, address);
    if (match !== undefined) return match;
    throw notAllowed(`the admin did not allow classes to choose the address ${address.text}`, 'allowedAddresses');
  }
  if (address.scheme === 'unix') {
    throw notAllowed(`classes may not choose a unix socket, as ${address.text}`, 'address or allowedAddresses');
  }
  if (isForbiddenIp(address.host)) {
    throw notAllowed(`classes may not choose the link-local or metadata address ${address.host}`, 'allowedAddresses');
  }
  return 'tolerated';
}

function tlsOf(
  settings: InlineSettings,
  defaults: VaultDropIn['tls'],
  lendCertificate: boolean,
  admin: AdminSettings,
): TlsSettings {
  const { tlsDir } = admin;
  const chosen = (name: string): TlsFile | undefined => {
    const path = text(settings, name);
    if (path === undefined) return undefined;
    if (tlsDir !== undefined && path.startsWith('/')) return { path, below: tlsDir };
    const where = tlsDir === undefined ? 'the admin set no directory for them' : `it must lie below ${tlsDir}`;
    throw notAllowed(`the class may not name the TLS file ${path}: ${where}`, 'tlsDir');
  };
  const admins = (path: string | undefined): TlsFile | undefined => (path === undefined ? undefined : { path });
  // Where the certificate is lent anyway, a class may also name its files.
  const notOf = lendCertificate ? [] : adminKeyFiles(admin);
  const ownCert = withoutAdmins(chosen('clientCert'), notOf);
  const ownKey = withoutAdmins(chosen('clientKey'), notOf);
  if ((ownCert === undefined) !== (ownKey === undefined)) {
    throw new KeymountError('class-invalid', 'both client cert and client key must be provided', { at });
  }
  const lent = lendCertificate && ownCert === undefined;
  return {
    ca:
      chosen('caCert') ??
      (defaults.ca !== undefined && isPem(defaults.ca) ? { pem: defaults.ca } : admins(defaults.ca)),
    caDir: chosen('caDir') ?? admins(defaults.caDir),
    cert: lent ? admins(defaults.cert) : ownCert,
    key: lent ? admins(defaults.key) : ownKey,
    serverName: text(settings, 'serverName') ?? defaults.serverName,
    // A class can switch verification off for itself, never on again for everybody.
    skipVerify: defaults.skipVerify || settings['skipVerify'] === true,
  };
}

function withoutAdmins(file: TlsFile | undefined, notOf: readonly string[]): TlsFile | undefined {
  return file === undefined ? undefined : { ...file, notOf };
}

function notAllowed(message: string, setting: string): KeymountError {
  return new KeymountError('address-not-allowed', message, { at, hint: `the admin of keymount can set ${setting}` });
}

function addressOf(value: string, code: 'settings-invalid' | 'class-invalid'): Address {
  const result = parseAddress(value);
  if ('address' in result) return result.address;
  throw new KeymountError(code, `the address of the server ${result.problem}`, { at });
}

function patternOf(value: string): AddressPattern {
  const result = parseAddressPattern(value);
  if ('pattern' in result) return result.pattern;
  throw new KeymountError('settings-invalid', `an entry of allowedAddresses ${result.problem}`);
}

function mountOf(value: string, code: 'settings-invalid' | 'class-invalid'): string {
  const result = parseMount(value);
  if ('mount' in result) return result.mount;
  throw new KeymountError(code, `the auth mount ${result.problem}`, { at });
}

/** An empty parameter counts as not given. */
function text(settings: InlineSettings, name: string): string | undefined {
  const value = Object.hasOwn(settings, name) ? settings[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
