/** The path of an auth mount, `kubernetes` or `team/jwt`, without slashes around it, ready for a URL. */
export function parseMount(text: string): { mount: string } | { problem: string } {
  const elements = text.replace(/^\/+|\/+$/g, '').split('/');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  const wrong = elements.some((element) => /^\.{0,2}$/.test(element) || /[\u0000-\u0020\u007f%?#\\]/.test(element));
  if (wrong) return { problem: 'must be the path of an auth mount, as kubernetes or team/jwt' };
  return { mount: elements.map(encodeElement).join('/') };
}

/** One element of a path as Go's URL.EscapedPath writes it, which is what Vault's own clients send. */
export function encodeElement(element: string): string {
  return encodeURIComponent(element.toWellFormed()).replace(/%(?:24|26|2B|2C|3A|3B|3D|40)/g, decodeURIComponent);
}
