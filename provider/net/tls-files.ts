import { promises as fs } from 'node:fs';
import { join, sep } from 'node:path';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { KeymountError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';

/** A file that somebody may replace at any time. */
export interface TlsFile {
  readonly path: string;
  /** The file must lie below this directory, symlinks resolved; absent: anywhere. */
  readonly below?: string | undefined;
  /** Files that it may not be, by whatever name: the admin's certificates and keys. */
  readonly notOf?: readonly string[] | undefined;
}

/** The TLS files of a connection. Without `ca` and `caDir` the CAs that Node trusts count. */
export interface TlsFiles {
  readonly ca?: TlsFile | undefined;
  /** A directory of PEM files; `ca` goes before it. */
  readonly caDir?: TlsFile | undefined;
  readonly cert?: TlsFile | undefined;
  readonly key?: TlsFile | undefined;
}

/** TLS material in use. A new object means that the files have changed. */
export interface TlsMaterial {
  readonly context: SecureContext;
}

export interface TlsMaterialReader {
  /** The present material; looks at the files at most every few seconds. Throws `backend-untrusted`, `address-not-allowed`. */
  readonly current: () => Promise<TlsMaterial>;
}

/** Milliseconds between two looks at the files. */
const lookEvery = 5_000;

/** Larger files are no PEM files of CAs: the bundle of all public ones has 250 KiB. */
const largestFile = 4 * 1024 * 1024;

export function createTlsMaterialReader(files: TlsFiles, clock: Clock): TlsMaterialReader {
  let known: { readonly stamp: string; readonly material: TlsMaterial } | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<TlsMaterial> | undefined;

  async function look(): Promise<TlsMaterial> {
    try {
      const paths = await locate(files);
      const stamp = await stampOf(Object.values(paths).flat());
      if (known?.stamp !== stamp) known = { stamp, material: await read(paths) };
    } catch (thrown) {
      // Files that are half replaced will be whole at the next look; until then what worked keeps working.
      if (known === undefined) throw asUnreadable(thrown);
    }
    lookedAt = clock.now();
    return known.material;
  }

  return {
    current() {
      if (known !== undefined && clock.now() - lookedAt < lookEvery) return Promise.resolve(known.material);
      looking ??= look().finally(() => {
        looking = undefined;
      });
      return looking;
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
  return {
    ca: ca === undefined && caDir !== undefined ? await filesIn(await allowedPath(caDir)) : await one(ca),
    cert: await one(cert),
    key: await one(key),
  };
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

async function read({ ca, cert, key }: Paths): Promise<TlsMaterial> {
  const [cas, [ownCert], [ownKey]] = await Promise.all([readAll(ca), readAll(cert), readAll(key)]);
  const options: SecureContextOptions = { minVersion: 'TLSv1.2' };
  // OpenSSL takes such a file without a word, and then trusts nobody.
  if (cas.length > 0 && !cas.some((each) => each.includes('-----BEGIN ')))
    throw new Unreadable(ca[0] ?? '', 'it holds no certificate in PEM');
  if (cas.length > 0) options.ca = cas;
  if (ownCert !== undefined) options.cert = ownCert;
  if (ownKey !== undefined) options.key = ownKey;
  return { context: createSecureContext(options) };
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

/** OpenSSL's text names no content of a file, but is not ours: only its code is shown. */
function asUnreadable(thrown: unknown): KeymountError {
  if (thrown instanceof KeymountError) return thrown;
  if (thrown instanceof Unreadable) {
    return new KeymountError('backend-untrusted', `cannot use the TLS file ${thrown.path}`, { reason: thrown.reason });
  }
  const { code, path } = thrown as NodeJS.ErrnoException;
  if (path !== undefined) {
    return new KeymountError('backend-untrusted', `cannot read the TLS file ${path}`, { reason: code });
  }
  return new KeymountError('backend-untrusted', 'cannot use the TLS files of the connection', {
    reason: code ?? 'they are not PEM',
    hint: 'certificate and key must be PEM and belong together',
  });
}
