import { constants, promises as fs } from 'node:fs';
import { sep } from 'node:path';
import { KeymountError } from '../../errors.ts';
import { type Address, parseAddress } from '../../net/address.ts';
import { isJsonObject, type JsonValue, ownKey, parseJson } from '../../util/json.ts';

/** The endpoints of a cloud. */
export interface Cloud {
  /** Where tokens are asked for. */
  readonly authority: Address;
  /** What follows the name of a vault: `vault.azure.net`. */
  readonly vaultSuffix: string;
  /** What tokens for vaults are for: `https://vault.azure.net`. */
  readonly resource: string;
}

/** A cloud by its name, or by a file that describes it, which must lie below a directory or anywhere. */
export type CloudChoice =
  | { readonly kind: 'known'; readonly cloud: Cloud }
  | { readonly kind: 'file'; readonly path: string; readonly below: string | undefined };

// https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers
const publicCloud = cloudOf('https://login.microsoftonline.com', 'vault.azure.net');
const governmentCloud = cloudOf('https://login.microsoftonline.us', 'vault.usgovcloudapi.net');

/** By the names of go-autorest, in lower case: in a class they may be written in any case. */
const clouds: Readonly<Record<string, Cloud>> = {
  azurecloud: publicCloud,
  azurepubliccloud: publicCloud,
  azureusgovernment: governmentCloud,
  azureusgovernmentcloud: governmentCloud,
  azurechinacloud: cloudOf('https://login.chinacloudapi.cn', 'vault.azure.cn'),
  azuregermancloud: cloudOf('https://login.microsoftonline.de', 'vault.microsoftazure.de'),
};

/** Undefined: there is no cloud of that name, or it is `AzureStackCloud`, which only a file describes. */
export function findCloud(name: string): Cloud | undefined {
  const key = name.toLowerCase();
  return Object.hasOwn(clouds, key) ? clouds[key] : undefined;
}

export function isStackCloud(name: string): boolean {
  return name.toLowerCase() === 'azurestackcloud';
}

/** Environment files have some 40 short lines. */
const largest = 64 * 1024;

/** Throws `address-not-allowed` and `settings-invalid`. */
export async function resolveCloud(choice: CloudChoice): Promise<Cloud> {
  if (choice.kind === 'known') return choice.cloud;
  const { path } = choice;
  const text = await readEnvironment(path, choice.below);
  const cloud = text === undefined ? undefined : parseEnvironment(text);
  if (cloud !== undefined) return cloud;
  // Not why: whoever writes classes need not learn what else lies on this disk.
  throw new KeymountError('address-not-allowed', `${path} is no cloud environment file that can be used`, {
    hint: 'the admin of keymount mounts it, as JSON with activeDirectoryEndpoint and keyVaultDNSSuffix',
  });
}

async function readEnvironment(path: string, below: string | undefined): Promise<string | undefined> {
  let file: fs.FileHandle | undefined;
  try {
    const real = await fs.realpath(path);
    const root = below === undefined ? '/' : await fs.realpath(below);
    const isBelow = real.startsWith(root.endsWith(sep) ? root : root + sep);
    if (!isBelow || /^\/(?:proc|sys|dev)\//.test(real)) return undefined;
    file = await fs.open(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    const stat = await file.stat();
    if (!stat.isFile() || stat.size > largest) return undefined;
    return await file.readFile('utf8');
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}

/** The part of go-autorest's Environment that is needed here. */
function parseEnvironment(text: string): Cloud | undefined {
  let value: JsonValue;
  try {
    value = parseJson(text.replace(/^\ufeff/, ''));
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const authority = addressOf(ownKey(value, 'activeDirectoryEndpoint'));
  const suffix = ownKey(value, 'keyVaultDNSSuffix');
  if (authority === undefined || typeof suffix !== 'string' || !/^[a-z0-9.-]{1,200}$/i.test(suffix)) return undefined;
  const identifiers = ownKey(value, 'resourceIdentifiers');
  const named = isJsonObject(identifiers) ? ownKey(identifiers, 'keyVault') : undefined;
  const resource = [named, ownKey(value, 'keyVaultEndpoint')].find((each) => isUrl(each));
  const vaultSuffix = suffix.replace(/^\.+/, '').toLowerCase();
  return {
    authority,
    vaultSuffix,
    resource: typeof resource === 'string' ? resource.replace(/\/+$/, '') : `https://${vaultSuffix}`,
  };
}

function isUrl(value: JsonValue | undefined): boolean {
  return typeof value === 'string' && /^https:\/\/[^\s]{1,500}$/.test(value);
}

function addressOf(value: JsonValue | undefined): Address | undefined {
  const parsed = typeof value === 'string' ? parseAddress(value) : undefined;
  return parsed !== undefined && 'address' in parsed && parsed.address.scheme === 'https' ? parsed.address : undefined;
}

function cloudOf(authority: string, vaultSuffix: string): Cloud {
  const parsed = parseAddress(authority);
  if ('problem' in parsed) throw new Error(`the address ${authority} ${parsed.problem}`);
  return { authority: parsed.address, vaultSuffix, resource: `https://${vaultSuffix}` };
}
