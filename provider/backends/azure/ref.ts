import { KeymountError } from '../../errors.ts';
import type { Source } from '../../plan/plan.ts';
import { unseenProblem } from '../../util/visible.ts';
import type { AskedFor } from '../backend.ts';

/** What to read of a vault. */
export interface AzureRef {
  readonly collection: Collection;
  readonly name: string;
  /** Undefined: the newest. */
  readonly version: string | undefined;
  /** So many enabled versions before that one, by the time when they were made. Undefined: that one, enabled or not. */
  readonly back: number | undefined;
}

export const collections = ['secrets', 'keys', 'certificates'] as const;
export type Collection = (typeof collections)[number];

/**
 * `license`, `secrets/license`, `keys/signing`, `certificates/web`; `license~0` is the newest version that is enabled, `license~1`
 * the one before. Throws `class-invalid`.
 */
export function parseAzureRef({ address, version, request, at }: Source): AzureRef {
  const refuse = (message: string, hint?: string) => new KeymountError('class-invalid', message, { at, hint });
  const match = /^(?:(secrets|keys|certificates)\/)?([0-9a-zA-Z-]{1,127})(?:~(0|[1-9]\d{0,3}))?$/.exec(address);
  if (match === null) {
    const unseen = unseenProblem(address);
    const why = unseen === undefined ? '' : `, and this one ${unseen}`;
    throw refuse(
      `the name of an object of a Key Vault has letters, digits and - only, at most 127${why}`,
      'as license, secrets/license, keys/signing or certificates/web',
    );
  }
  if (request !== undefined) throw refuse('a Key Vault takes no request', 'remove request from the object');
  if (version !== undefined && !/^[0-9a-zA-Z]{1,127}$/.test(version)) {
    const unseen = unseenProblem(version);
    const why = unseen === undefined ? '' : `, and this one ${unseen}`;
    throw refuse(`the version of an object of a Key Vault has letters and digits only${why}`);
  }
  const [, collection, name = '', back] = match;
  const known = collections.find((each) => each === collection) ?? 'secrets';
  return {
    collection: known,
    name,
    version: version === 'latest' ? undefined : version,
    back: back === undefined ? undefined : Number(back),
  };
}

/** The singular, for messages. */
export function kindOf(collection: Collection): string {
  return collection.slice(0, -1);
}

/** `secret license`, `version 1f30… of key signing`. */
export function describeRef({ collection, name, version, back }: AzureRef): string {
  const object = `${kindOf(collection)} ${name}`;
  const of = version === undefined ? object : `version ${version} of ${object}`;
  if (back === undefined) return of;
  if (back === 0) return version === undefined ? `enabled version of ${object}` : of;
  return `version ${back} before ${version === undefined ? `the newest of ${object}` : of}`;
}

/** What `allow` rules judge: the name as the class has it, without `~1`. */
export function askedOfAzure(_ref: AzureRef, { address }: Source): AskedFor {
  return { method: 'GET', name: address.replace(/~\d+$/, '') };
}
