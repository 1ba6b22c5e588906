import { KeymountError } from '../../errors.ts';
import type { Address } from '../../net/address.ts';
import type { Reply } from '../../net/request.ts';
import { isJsonObject, type JsonObject, ownKey, toInteger } from '../../util/json.ts';
import { jsonObjectOf } from './reason.ts';
import { type AzureRef, describeRef } from './ref.ts';

/** One page of 25 versions; more than these is no history that anybody mounts. */
const mostPages = 200;

/** Asks for a page by its path, and gives the reply, which is a 200. */
export type AskPage = (path: string) => Promise<Reply>;

/** The enabled versions of an object, the newest first. Throws `backend-reply-invalid` and what `ask` throws. */
export async function listVersions(first: string, ref: AzureRef, vault: Address, ask: AskPage): Promise<string[]> {
  const versions: { version: string; created: number }[] = [];
  let path: string | undefined = first;
  for (let page = 0; path !== undefined; page++) {
    if (page >= mostPages) throw unusable(ref, 'has too many pages');
    const body = jsonObjectOf((await ask(path)).body);
    const items = body === undefined ? undefined : ownKey(body, 'value');
    if (body === undefined || !Array.isArray(items)) throw unusable(ref, 'is no list');
    for (const item of items) if (isJsonObject(item)) versions.push(...versionIn(item));
    path = nextPath(ownKey(body, 'nextLink'), vault, ref);
  }
  return versions.sort((a, b) => b.created - a.created).map(({ version }) => version);
}

function versionIn(item: JsonObject): { version: string; created: number }[] {
  const attributes = ownKey(item, 'attributes');
  if (!isJsonObject(attributes) || ownKey(attributes, 'enabled') === false) return [];
  const id = ownKey(item, 'id') ?? ownKey(item, 'kid');
  const version = typeof id === 'string' ? id.split('/').at(-1) : undefined;
  if (version === undefined || !/^[0-9a-zA-Z]{1,127}$/.test(version)) return [];
  return [{ version, created: toInteger(ownKey(attributes, 'created')) ?? 0 }];
}

/** Where the next page is. It is asked for with the token, so it must be of the same vault. */
function nextPath(link: unknown, vault: Address, ref: AzureRef): string | undefined {
  if (typeof link !== 'string' || link === '') return undefined;
  const url = URL.parse(link);
  const base = URL.parse(vault.text);
  if (url === null || base === null || url.hostname !== base.hostname) throw unusable(ref, 'leads to another server');
  return url.pathname + url.search;
}

function unusable(ref: AzureRef, what: string): KeymountError {
  return new KeymountError('backend-reply-invalid', `the list of versions of ${describeRef(ref)} ${what}`);
}
