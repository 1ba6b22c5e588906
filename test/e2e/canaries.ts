import { randomBytes } from 'node:crypto';
import { disguisesOf, pieceLength } from './disguises.ts';

/** Where a secret was found that should be nowhere. */
export interface Leak {
  /** What it is: `the Vault token`. */
  secret: string;
  /** Where: `output of keymount (bundle)`. */
  source: string;
  /** How: `in base64`. */
  way: string;
  /** What stands before it, without the secret. */
  after: string;
}

/** Kinds of secrets that give themselves away by their form, planted or not. */
const forms: [secret: string, form: RegExp][] = [
  ['a token of Vault or OpenBao', /\b(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{24,}/g],
  ['a JWT', /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}/g],
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/g],
];

/** All needles begin with at least this many characters: they are found by them. */
const keyLength = 12;

/** Secrets that a test planted, and the outputs in which none of them may be. */
export class Canaries {
  readonly #needles = new Map<string, { text: string; secret: string; way: string }[]>();
  readonly #sources: { name: string; text: () => string }[] = [];

  /**
   * A new secret that is a pain to every writer: ASCII that survives any escaping at both ends, and between them what JSON, URLs
   * and HTML escape.
   */
  plant(secret: string): string {
    const value = `${randomText(24)}"\\<&>%/é + ${randomText(24)}`;
    this.watch(secret, value);
    return value;
  }

  /** The same for places where only letters and digits can stand, such as tokens. */
  plantToken(secret: string, prefix = ''): string {
    const value = prefix + randomText(40);
    this.watch(secret, value);
    return value;
  }

  /** A secret that somebody else made. */
  watch(secret: string, value: string): void {
    if (value.length < pieceLength) throw new Error(`${secret} is too short to be searched for`);
    for (const [text, way] of disguisesOf(value)) {
      const key = text.slice(0, keyLength);
      const same = this.#needles.get(key) ?? [];
      same.push({ text, secret, way });
      this.#needles.set(key, same);
    }
  }

  /** A pod's token: its signature, and the part of its claims that no other token has. */
  watchJwt(secret: string, jwt: string): void {
    const [, , signature = ''] = jwt.split('.');
    this.watch(secret, signature);
  }

  /** Something that will be searched: a text, or what gives all of it at the end. */
  collect(source: string, text: string | (() => string)): void {
    this.#sources.push({ name: source, text: typeof text === 'string' ? () => text : text });
  }

  /** Searches everything that was collected. */
  leaks(): Leak[] {
    return this.#sources.flatMap(({ name, text }) => this.search(name, text()));
  }

  search(source: string, text: string): Leak[] {
    const leaks: Leak[] = [];
    const found = (secret: string, way: string, at: number) => {
      if (leaks.some((leak) => leak.secret === secret)) return;
      leaks.push({ secret, source, way, after: text.slice(Math.max(0, at - 60), at).replace(/\s+/g, ' ') });
    };
    for (const [secret, form] of forms)
      for (const { index } of text.matchAll(form)) found(secret, 'by its form', index);
    for (let at = 0; at + keyLength <= text.length; at++) {
      const needles = this.#needles.get(text.slice(at, at + keyLength));
      if (needles === undefined) continue;
      for (const { text: needle, secret, way } of needles) if (text.startsWith(needle, at)) found(secret, way, at);
    }
    return leaks;
  }
}

export function describeLeaks(leaks: readonly Leak[]): string {
  return leaks
    .map(({ secret, source, way, after }) => `${secret}, ${way}, in the ${source} after: ${after}`)
    .join('\n');
}

function randomText(length: number): string {
  return randomBytes(length).toString('hex').slice(0, length);
}
