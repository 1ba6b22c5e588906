import { KeymountError } from '../../errors.ts';
import type { Source } from '../../plan/plan.ts';

/** The address of a secret in the store: a relative, clean path without its `.yaml`, `.yml` or `.json`. */
export interface FileRef {
  readonly address: string;
}

/** Linux' NAME_MAX less the longest extension, and PATH_MAX with room for the directory before it; bytes. */
const longestName = 250;
const longestAddress = 2048;

/** Throws `class-invalid` on anything that could point out of the store, and on what a store of plain files does not have. */
export function parseFileRef(source: Source): FileRef {
  const refuse = (message: string, hint?: string) =>
    new KeymountError('class-invalid', message, { at: source.at, hint });
  if (source.version !== undefined) {
    throw refuse('the file store keeps no old versions', 'leave the version out');
  }
  if (source.request !== undefined) throw refuse('the file store can only be read', 'leave the request out');
  const problem = problemOf(source.address);
  if (problem !== undefined) {
    throw refuse(`the secret address ${problem}`, 'write it relative to the store, such as "shop/db"');
  }
  return { address: source.address };
}

function problemOf(address: string): string | undefined {
  if (address === '') return 'is empty';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  if (/[\u0000-\u001f\u007f]/.test(address)) return 'holds a control character';
  if (address.startsWith('/')) return 'must not begin with "/"';
  if (Buffer.byteLength(address) > longestAddress) return `is longer than ${longestAddress} bytes`;
  for (const name of address.split('/')) {
    if (name === '') return 'has an empty element ("//" or "/" at its end)';
    if (name === '.') return 'must not hold the element "."';
    // Also `..data` and the dated directories of a Kubernetes volume, whose secrets have addresses without them.
    if (name.startsWith('..')) return 'must not hold an element that begins with ".."';
    if (Buffer.byteLength(name) > longestName) return `has an element longer than ${longestName} bytes`;
  }
  return undefined;
}
