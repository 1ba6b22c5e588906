import { getCACertificates, type SecureContext } from 'node:tls';
import { KeymountError } from '../errors.ts';
import { secureContext } from './secure-context.ts';
import { readSystemRoots, type SystemRoots } from './system-roots.ts';

/** Whom connections trust that have no CA of their own, and who is told of CA files that are used in part. */
export interface Trust {
  /** Read at the first call, then kept: one context for all connections. Throws `backend-untrusted`. */
  readonly system: () => Promise<SystemTrust>;
  /** Once for the same words about the same file. */
  readonly told: (path: string, reason: string) => void;
}

export interface SystemTrust {
  /** PEM, one certificate each; undefined: those that Node brings along. */
  readonly cas: readonly string[] | undefined;
  /** That trusts them and shows no certificate. */
  readonly context: SecureContext;
}

/** Files about which something was said; past it some things are said once more. */
const mostTold = 1000;

/** `onBundle` is told of each file of CAs that is used in part or not at all, never what is in it. */
export function createTrust(roots: SystemRoots, onBundle: (path: string, reason: string) => void): Trust {
  const said = new Set<string>();
  let reading: Promise<SystemTrust> | undefined;

  function told(path: string, reason: string): void {
    const text = `${path}\0${reason}`;
    if (said.has(text)) return;
    if (said.size >= mostTold) said.clear();
    said.add(text);
    onBundle(path, reason);
  }

  return {
    told,
    system() {
      reading ??= read(roots, told).catch((thrown: unknown) => {
        reading = undefined;
        throw thrown;
      });
      return reading;
    },
  };
}

/** As Go has it where nothing is set, and nobody is told of bundles. */
export const usualTrust: Trust = createTrust({ file: undefined, dirs: undefined }, () => {});

async function read(roots: SystemRoots, told: Trust['told']): Promise<SystemTrust> {
  const found = await readSystemRoots(roots, told);
  const named = [roots.file, roots.dirs].filter(Boolean).join(' and ');
  if (found.length === 0 && named !== '') {
    throw new KeymountError('backend-untrusted', 'the CAs of the system cannot be used', {
      reason: `there is no certificate in ${named}`,
      hint: 'the admin of keymount sets where they are (systemRoots, or SSL_CERT_FILE and SSL_CERT_DIR)',
    });
  }
  // NODE_EXTRA_CA_CERTS; among those that Node brings along it has them already.
  const cas = found.length === 0 ? undefined : [...new Set([...found, ...getCACertificates('extra')])];
  return { cas, context: secureContext({ cas }) };
}
