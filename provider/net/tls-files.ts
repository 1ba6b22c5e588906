import { promises as fs } from 'node:fs';
import { join, sep } from 'node:path';
import type { SecureContext } from 'node:tls';
import { KeymountError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { readPemBundle } from './pem-bundle.ts';
import { secureContext } from './secure-context.ts';
import { leftOutText } from './system-roots.ts';
import type { Trust } from './trust.ts';

/** A file that somebody may replace at any time. */
export interface TlsFile {
  readonly path: string;
  /** The file must lie below this directory, symlinks resolved; absent: anywhere. */
  readonly below?: string | undefined;
  /** Files that it may not be, by whatever name: the admin's certificates and keys. */
  readonly notOf?: readonly string[] | undefined;
}

/** PEM that an admin gave as it is. */
export interface TlsPem {
  readonly pem: string;
}

/** The TLS files of a connection. Without `ca` and `caDir` the CAs of the system count. */
export interface TlsFiles {
  readonly ca?: TlsFile | TlsPem | undefined;
  /** A directory of PEM files; `ca` goes before it. */
  readonly caDir?: TlsFile | undefined;
  readonly cert?: TlsFile | undefined;
  readonly key?: TlsFile | undefined;
  /** Whom the server's certificate is by does not matter: the CAs of the system are not read. */
  readonly skipVerify?: boolean;
}

/** TLS material in use. A new object means that the files have changed. */
export interface TlsMaterial {
  readonly context: SecureContext;
}

export interface TlsMaterialReader {
  /** The present material; looks at the files at most every few seconds. Throws `backend-untrusted`, `address-not-allowed`. */
  readonly current: () => Promise<TlsMaterial>;
  /** The files may be behind, for a handshake failed: the next `current` looks at them, if nobody did just now. */
  readonly doubt: () => void;
}

/** Milliseconds between two looks at the files. */
const lookEvery = 5_000;

/** The same after a failed handshake: a storm of those must not become one of looks. */
const lookAgain = 250;

/** Larger files are no PEM files of CAs: the bundle of all public ones has 250 KiB. */
const largestFile = 4 * 1024 * 1024;

export function createTlsMaterialReader(files: TlsFiles, clock: Clock, trust: Trust): TlsMaterialReader {
  let known: { readonly stamp: string; readonly material: TlsMaterial } | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<TlsMaterial> | undefined;
  let doubted = false;

  async function look(): Promise<TlsMaterial> {
    try {
      const paths = await locate(files);
      const stamp = await stampOf(Object.values(paths).flat());
      if (known?.stamp !== stamp) known = { stamp, material: await read(files, paths, trust) };
    } catch (thrown) {
      // Files that are half replaced will be whole at the next look; until then what worked keeps working.
      if (known === undefined) throw asUnreadable(thrown);
    }
    lookedAt = clock.now();
    doubted = false;
    return known.material;
  }

  return {
    current() {
      const isFresh = clock.now() - lookedAt < (doubted ? lookAgain : lookEvery);
      if (known !== undefined && isFresh) return Promise.resolve(known.material);
      looking ??= look().finally(() => {
        looking = undefined;
      });
      return looking;
    },
    doubt() {
      doubted = true;
    },
  };
}

interface Paths {
  readonly ca: readonly string[];
  readonly cert: readonly string[];
  readonly key: readonly string[];
}

async function locate({ ca, caDir, cert, key }: TlsFiles): Promise<Paths> {
  const one = async (file: TlsFile | undefined) => (file === undefined ? [] : [await allowedPath(file)]);
  const cas = async () => {
    if (ca !== undefined) return 'pem' in ca ? [] : await one(ca);
    return caDir === undefined ? [] : await filesIn(await allowedPath(caDir));
  };
  return { ca: await cas(), cert: await one(cert), key: await one(key) };
}

/** The path to read; checked anew each time, for a symlink may have been turned. */
async function allowedPath({ path, below, notOf = [] }: TlsFile): Promise<string> {
  if (below === undefined) return path;
  const [real, root] = await Promise.all([fs.realpath(path), fs.realpath(below)]);
  if (await isAnyOf(real, notOf)) {
    throw new KeymountError('address-not-allowed', `the TLS file ${path} is one of the admin's own`, {
      hint: "the admin's client certificate is for the admin's own addresses; give classes files of their own",
    });
  }
  if (real.startsWith(root.endsWith(sep) ? root : root + sep)) return real;
  throw new KeymountError('address-not-allowed', `the TLS file ${path} does not lie below ${below}`, {
    hint: 'the admin of keymount sets where TLS files of classes lie (tlsDir)',
  });
}

/** By what they are, not by their names: symbolic and hard links are the file. */
async function isAnyOf(path: string, others: readonly string[]): Promise<boolean> {
  if (others.length === 0) return false;
  const { dev, ino } = await fs.stat(path, { bigint: true });
  const same = others.map(async (other) => {
    const stats = await fs.stat(other, { bigint: true }).catch(() => undefined);
    return stats?.dev === dev && stats.ino === ino;
  });
  return (await Promise.all(same)).includes(true);
}

/** The files of a directory, hidden ones left out: a ConfigMap volume has `..data` and `..2024_…` beside its links. */
async function filesIn(directory: string): Promise<string[]> {
  const names = (await fs.readdir(directory)).filter((name) => !name.startsWith('.')).sort();
  const paths = names.map((name) => join(directory, name));
  const stats = await Promise.all(paths.map((path) => fs.stat(path)));
  return paths.filter((_path, index) => stats[index]?.isFile());
}

// A volume of the kubelet is swapped through a symlink: the inode changes even where size and time do not.
async function stampOf(paths: readonly string[]): Promise<string> {
  const stats = await Promise.all(paths.map((path) => fs.stat(path, { bigint: true })));
  return JSON.stringify(
    stats.map(({ dev, ino, size, mtimeNs }, index) => [
      paths[index],
      String(dev),
      String(ino),
      String(size),
      String(mtimeNs),
    ]),
  );
}

async function read(files: TlsFiles, paths: Paths, trust: Trust): Promise<TlsMaterial> {
  const [cas, [cert], [key]] = await Promise.all([casOf(files, paths, trust), readAll(paths.cert), readAll(paths.key)]);
  if (cas !== undefined) return { context: secureContext({ cas, cert, key }) };
  if (files.skipVerify) return { context: secureContext({ cert, key }) };
  const system = await trust.system();
  if (cert === undefined && key === undefined) return { context: system.context };
  return { context: secureContext({ cas: system.cas, cert, key }) };
}

/** Undefined: no CA is set. OpenSSL would take a bundle without any, and then trust nobody without a word. */
async function casOf({ ca, caDir }: TlsFiles, paths: Paths, trust: Trust): Promise<string[] | undefined> {
  const from = ca ?? caDir;
  if (from === undefined) return undefined;
  const name = 'pem' in from ? 'given as text' : from.path;
  const texts = 'pem' in from ? [from.pem] : await readAll(paths.ca);
  const cas = texts.flatMap((text, index) => {
    const { certificates, leftOut } = readPemBundle(String(text));
    if (leftOut > 0) trust.told(paths.ca[index] ?? name, leftOutText(leftOut, certificates.length));
    return certificates;
  });
  if (cas.length === 0) throw new Unreadable(name, 'it holds no certificate in PEM');
  return cas;
}

function readAll(paths: readonly string[]): Promise<Buffer[]> {
  return Promise.all(
    paths.map(async (path) => {
      if ((await fs.stat(path)).size > largestFile) throw new Unreadable(path, 'it is larger than 4 MiB');
      return await fs.readFile(path);
    }),
  );
}

class Unreadable extends Error {
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string) {
    super(reason);
    this.path = path;
    this.reason = reason;
  }
}

/** OpenSSL's whole text is not ours: only its reason is shown, one of a fixed list (`ee key too small`), or its code. */
function asUnreadable(thrown: unknown): KeymountError {
  if (thrown instanceof KeymountError) return thrown;
  if (thrown instanceof Unreadable) {
    return new KeymountError('backend-untrusted', `cannot use the TLS file ${thrown.path}`, { reason: thrown.reason });
  }
  const { code, path, reason } = thrown as NodeJS.ErrnoException & { readonly reason?: string };
  if (path !== undefined) {
    return new KeymountError('backend-untrusted', `cannot read the TLS file ${path}`, { reason: code });
  }
  return new KeymountError('backend-untrusted', 'cannot use the TLS files of the connection', {
    reason: reason ?? code ?? 'they are not PEM',
    hint: 'certificate and key must be PEM and belong together',
  });
}
