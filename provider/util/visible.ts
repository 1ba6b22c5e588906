/**
 * Characters that nobody sees or takes for a blank: format characters (zero-width ones, marks of direction, soft hyphens, byte order
 * marks), separators of lines, and all blanks but the usual one. They come from web pages, chats and word processors.
 */
const unseen = /[\p{Cf}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** The text with such characters written out: `db<U+200B>`. */
export function visible(text: string): string {
  return text.replace(unseen, (character) => `<${codeOf(character)}>`);
}

/** Those of a text, each once, as `U+200B`. */
export function unseenIn(text: string): string[] {
  return [...new Set(text.match(unseen) ?? [])].map(codeOf);
}

/** A sentence about them; undefined: there are none. */
export function unseenProblem(text: string): string | undefined {
  const codes = unseenIn(text).slice(0, 5);
  if (codes.length === 0) return undefined;
  return `contains ${codes.length === 1 ? 'an invisible character' : 'invisible characters'} (${codes.join(', ')})`;
}

function codeOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
