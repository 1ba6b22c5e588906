import type { Kind } from './kind.ts';

/** One setting: what it takes, what it is without being set, and its documentation. Its place in the tree of knobs names it. */
export interface Knob<T> {
  readonly kind: Kind<Exclude<T, undefined>>;
  readonly default: T;
  /** Sentences for docs/settings.md and --help. */
  readonly about: string;
  /** The flag without its dashes, where it is not made from the place: `vault-addr`. */
  readonly flag?: string;
  /** Variables of others that give a default, the first that is set wins: `VAULT_ADDR`. */
  readonly variables?: readonly string[];
  /**
   * What they say is not only for us: a value that we cannot use is taken as it is, with a warning, and what needs it fails. The start
   * does not.
   */
  readonly inherited?: boolean;
}

/** A tree of knobs in the shape of what they make: a knob missing or of another type does not compile. */
export type KnobsOf<T> = {
  readonly [Key in keyof T]: T[Key] extends string | number | boolean | readonly unknown[] | undefined
    ? Knob<T[Key]>
    : KnobsOf<T[Key]>;
};

/** A knob of any type, or a branch of them. */
export type AnyKnob = Knob<unknown>;
export interface KnobTree {
  readonly [name: string]: AnyKnob | KnobTree;
}

export function isKnob(node: AnyKnob | KnobTree): node is AnyKnob {
  return typeof node['about'] === 'string';
}

/** A knob with all its names. */
export interface NamedKnob {
  readonly knob: AnyKnob;
  /** Key in the file: `log.level`. */
  readonly path: string;
  /** `log-level` */
  readonly flag: string;
  /** `KEYMOUNT_LOG_LEVEL` */
  readonly variable: string;
}

export function nameKnob(knob: AnyKnob, path: string): NamedKnob {
  const flag = knob.flag ?? kebab(path);
  return { knob, path, flag, variable: variableOf(flag) };
}

/** All knobs of a tree, in its order. */
export function listKnobs(tree: KnobTree, prefix = ''): NamedKnob[] {
  return Object.entries(tree).flatMap(([name, node]) =>
    isKnob(node) ? [nameKnob(node, prefix + name)] : listKnobs(node, `${prefix}${name}.`),
  );
}

/** `versionKeys.vault` as `version-keys-vault`. */
export function kebab(path: string): string {
  return path.replaceAll('.', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function variableOf(flag: string): string {
  return `KEYMOUNT_${flag.replaceAll('-', '_').toUpperCase()}`;
}
