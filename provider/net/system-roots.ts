import { promises as fs } from 'node:fs';
import { readPemBundle } from './pem-bundle.ts';

/** Where the system's CAs are. Undefined or empty: the usual places. */
export interface SystemRoots {
  /** A PEM file, in place of the usual ones. */
  readonly file: string | undefined;
  /** Directories of PEM files with `:` between them, in place of the usual ones. */
  readonly dirs: string | undefined;
}

// https://github.com/golang/go/blob/master/src/crypto/x509/root_linux.go: the first file that can be read counts,
const usualFiles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];
// and besides it all files of all directories.
const usualDirs = ['/etc/ssl/certs', '/etc/pki/tls/certs'];

/** Bytes of one file, and files of one directory: many times what any distribution has. */
const largestFile = 4 * 1024 * 1024;
const mostFiles = 2000;

/** Told of a file that was read in part or not at all. */
export type Told = (path: string, reason: string) => void;

/**
 * The CAs of the system, each once, read as Go's loadSystemRoots does. Empty where there are none. What cannot be read counts as
 * absent; `told` of it where it was set by name.
 */
export async function readSystemRoots({ file, dirs }: SystemRoots, told: Told): Promise<string[]> {
  const found = new Set<string>();
  const add = (text: string, path: string) => {
    const { certificates, leftOut } = readPemBundle(text);
    for (const certificate of certificates) found.add(certificate);
    if (leftOut > 0) told(path, leftOutText(leftOut, certificates.length));
  };
  const isSet = (text: string | undefined): text is string => text !== undefined && text !== '';
  for (const path of isSet(file) ? [file] : usualFiles) {
    const text = await textOf(path);
    if (text === undefined && isSet(file)) told(path, 'it cannot be read, or is larger than 4 MiB');
    if (text === undefined) continue;
    add(text, path);
    break;
  }
  for (const directory of isSet(dirs) ? dirs.split(':').filter(isSet) : usualDirs) {
    for (const path of await filesOf(directory)) {
      const text = await textOf(path);
      if (text !== undefined) add(text, path);
    }
  }
  return [...found];
}

/** Why a bundle is not used as a whole; never what is in it. */
export function leftOutText(leftOut: number, used: number): string {
  const blocks = leftOut === 1 ? '1 block is no certificate' : `${leftOut} blocks are no certificates`;
  return `${blocks} that can be read and left out; ${used} ${used === 1 ? 'certificate is' : 'certificates are'} used`;
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    const stats = await fs.stat(path);
    return stats.isFile() && stats.size <= largestFile ? await fs.readFile(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

/** Links within a directory are the hashes of `openssl rehash`, names of files that are there anyway. */
async function filesOf(directory: string): Promise<string[]> {
  const entries = await fs.readdir(directory, { withFileTypes: true }).catch(() => []);
  const paths: string[] = [];
  for (const entry of entries.toSorted((one, other) => (one.name < other.name ? -1 : 1)).slice(0, mostFiles)) {
    const path = `${directory}/${entry.name}`;
    const target = entry.isSymbolicLink() ? await fs.readlink(path).catch(() => '') : '/';
    if (target.includes('/')) paths.push(path);
  }
  return paths;
}
