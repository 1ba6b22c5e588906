import type { IncomingMessage } from 'node:http';
import type { Answer, Holder } from './azure-entra.ts';

/** One version of an object, as a test puts it. */
export interface Version {
  readonly id: string;
  readonly enabled?: boolean;
  /** Seconds since 1970. */
  readonly created: number;
  readonly nbf?: number;
  readonly exp?: number;
  /** What the API answers besides: `value`, `contentType`, `kid`; `key`; `cer`. */
  readonly fields: Readonly<Record<string, unknown>>;
}

type Collection = 'secrets' | 'keys' | 'certificates';
const singular: Readonly<Record<Collection, string>> = { secrets: 'Secret', keys: 'Key', certificates: 'Certificate' };
const pageSize = 25;

/**
 * A Key Vault as https://learn.microsoft.com/rest/api/keyvault has it: gets and lists of versions in pages, the challenge of
 * https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses, and the errors of
 * https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
 */
export class FakeVault {
  readonly tenant: string;
  /** What its challenge says that tokens must be for. */
  resource = 'https://vault.azure.net';
  readonly objects = new Map<string, Version[]>();
  /** `<client> <collection>` that the vault's role assignments leave out. */
  readonly denied = new Set<string>();
  /** Answers instead of the next ones. */
  readonly faults: Answer[] = [];
  /** `GET /secrets/x/` and so on, without the query. */
  readonly asked: string[] = [];
  readonly #tokens: ReadonlyMap<string, Holder>;

  constructor(tenant: string, tokens: ReadonlyMap<string, Holder>) {
    this.tenant = tenant;
    this.#tokens = tokens;
  }

  /** A new version of an object. */
  put(path: `${Collection}/${string}`, version: Partial<Version> & Pick<Version, 'fields'>): string {
    const versions = this.objects.get(path) ?? [];
    const count = versions.length + 1;
    const id = version.id ?? count.toString(16).padStart(32, 'f');
    versions.push({ created: 1_700_000_000 + count, ...version, id });
    this.objects.set(path, versions);
    return id;
  }

  answer(request: IncomingMessage, base: string): Answer {
    const url = new URL(request.url ?? '/', base);
    this.asked.push(`${request.method} ${url.pathname}`);
    const refused = this.#authenticate(request.headers.authorization ?? '', url);
    if (refused !== undefined) return refused;
    const fault = this.faults.shift();
    if (fault !== undefined) return fault;
    if (!/^(?:7\.\d|20\d\d-\d\d-\d\d)$/.test(url.searchParams.get('api-version') ?? '')) {
      return failure(400, 'BadParameter', 'Missing or invalid api-version query parameter.');
    }
    const [, collection = '', name = '', version = ''] = url.pathname.split('/');
    if (!Object.hasOwn(singular, collection) || !/^[0-9a-zA-Z-]{1,127}$/.test(name)) {
      return failure(400, 'BadParameter', `The request URI contains an invalid name: ${name}`);
    }
    return this.#object(collection as Collection, name, version, url, base);
  }

  #authenticate(header: string, url: URL): Answer | undefined {
    const challenge = {
      'WWW-Authenticate': `Bearer authorization="https://login.microsoftonline.com/${this.tenant}", resource="${this.resource}"`,
    };
    if (!header.startsWith('Bearer ')) {
      const text = 'AKV10000: Request is missing a Bearer or PoP token.';
      return { ...failure(401, 'Unauthorized', text), headers: challenge };
    }
    const holder = this.#tokens.get(header.slice('Bearer '.length));
    const unauthorized = (text: string) => ({ ...failure(401, 'Unauthorized', text), headers: challenge });
    if (holder === undefined) return unauthorized('AKV10022: Invalid audience or signature.');
    if (holder.ends < Date.now()) return unauthorized('AKV10016: The token is expired.');
    if (holder.resource !== this.resource) {
      return unauthorized(`AKV10022: Invalid audience. Expected ${this.resource}, found: ${holder.resource}.`);
    }
    if (holder.tenant !== this.tenant) {
      return unauthorized(
        `AKV10032: Invalid issuer. Expected one of https://sts.windows.net/${this.tenant}/, found https://sts.windows.net/${holder.tenant}/.`,
      );
    }
    const collection = url.pathname.split('/')[1] ?? '';
    if (!this.denied.has(`${holder.clientId} ${collection}`)) return undefined;
    const text = `Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: appid=${holder.clientId};iss=https://sts.windows.net/${holder.tenant}/\r\nAction: 'Microsoft.KeyVault/vaults/${collection}/getSecret/action'\r\nVault: shop`;
    return failure(403, 'Forbidden', text, 'ForbiddenByRbac');
  }

  #object(collection: Collection, name: string, version: string, url: URL, base: string): Answer {
    const versions = this.objects.get(`${collection}/${name}`) ?? [];
    const idOf = (id: string) => `${base}/${collection}/${name}/${id}`;
    const kind = singular[collection];
    if (version === 'versions') return page(collection, versions, url, idOf, base);
    const newest = versions.toSorted((a, b) => b.created - a.created)[0];
    const found = version === '' ? newest : versions.find(({ id }) => id === version);
    if (found === undefined) {
      const shown = version === '' ? name : `${name}/${version}`;
      const text = `A ${kind.toLowerCase()} with (name/id) ${shown} was not found in this key vault. If you recently deleted this ${kind.toLowerCase()} you may be able to recover it using the correct recovery command.`;
      return failure(404, `${kind}NotFound`, text);
    }
    if (found.enabled === false) {
      const text = `Operation get is not allowed on a disabled ${kind.toLowerCase()}.`;
      return failure(403, 'Forbidden', text, `${kind}Disabled`);
    }
    const attributes = attributesOf(found);
    const { fields } = found;
    if (collection === 'keys') {
      return { status: 200, body: { key: { kid: idOf(found.id), ...(fields['key'] as object) }, attributes } };
    }
    return { status: 200, body: { id: idOf(found.id), attributes, ...fields } };
  }
}

function page(
  collection: Collection,
  versions: readonly Version[],
  url: URL,
  idOf: (id: string) => string,
  base: string,
): Answer {
  const from = Number(url.searchParams.get('$skiptoken') ?? 0);
  const next = new URL(url.pathname, base);
  next.searchParams.set('api-version', url.searchParams.get('api-version') ?? '');
  next.searchParams.set('$skiptoken', String(from + pageSize));
  const name = collection === 'keys' ? 'kid' : 'id';
  const value = versions
    .slice(from, from + pageSize)
    .map((version) => ({ [name]: idOf(version.id), attributes: attributesOf(version) }));
  return { status: 200, body: { value, nextLink: from + pageSize < versions.length ? next.href : null } };
}

function attributesOf({ enabled = true, created, nbf, exp }: Version) {
  return { enabled, created, updated: created, nbf, exp, recoveryLevel: 'Recoverable+Purgeable', recoverableDays: 90 };
}

export function failure(status: number, code: string, message: string, inner?: string): Answer {
  return {
    status,
    body: { error: { code, message, ...(inner === undefined ? {} : { innererror: { code: inner } }) } },
  };
}
