/**
 * `secretPath` of a Vault class as the API path it means, `/v1/secret/data/app?version=1`, by the Go provider's rules: a leading
 * slash and one `v1/` are dropped, the query is re-encoded in sorted order, and the path is taken literally (`%2F` is three
 * characters). Unlike it, `..` is refused instead of resolved: it can only lead out of what the author wrote.
 */
export function normaliseSecretPath(secretPath: string): { address: string } | { problem: string } {
  const question = secretPath.indexOf('?');
  const path = question === -1 ? secretPath : secretPath.slice(0, question);
  const elements = path
    .replace(/^\/?v1\//, '')
    .split('/')
    .filter((element) => element !== '' && element !== '.');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f]/.test(secretPath)) return { problem: 'must not contain control characters' };
  if (elements.includes('..') || elements.some(isEncodedParent)) return { problem: "must not contain '..'" };
  if (elements.length === 0) return { problem: 'must name a secret, for example secret/data/app' };
  const query = question === -1 ? '' : sortedQuery(secretPath.slice(question + 1));
  return { address: `/v1/${elements.map(encodeElement).join('/')}${query}` };
}

/** A server may decode twice. */
function isEncodedParent(element: string): boolean {
  return /^(?:\.|%(?:25)*2e){2}$/i.test(element);
}

/** As Go's URL.EscapedPath writes an element. */
function encodeElement(element: string): string {
  return encodeURIComponent(element.toWellFormed())
    .replace(/%(?:24|26|2B|2C|3A|3B|3D|40)/g, decodeURIComponent)
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sortedQuery(text: string): string {
  const query = new URLSearchParams(text);
  query.sort();
  return query.size === 0 ? '' : `?${query}`;
}
