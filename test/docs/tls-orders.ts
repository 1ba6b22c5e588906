import { makeCa, makeIntermediate, makeLeaf } from '../unit/net/certificates.ts';
import type { Order, Told } from './tls-clients.ts';
import type { TlsLab } from './tls-lab.ts';

/** A line of the table in docs/tls.md: a server, and a request that both clients make to it. */
export interface Row {
  readonly topic: string;
  readonly what: string;
  /** Why keymount differs, where it does. */
  readonly why?: string;
  readonly order: (lab: TlsLab) => Promise<Order>;
}

export const root = makeCa('root');
export const intermediate = makeIntermediate(root);
export const leaf = makeLeaf(intermediate);
export const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
export const revoked = '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n';

export const at = (port: number, host = '127.0.0.1') => `https://${host}:${port}/`;

/** The usual server, and a CA file of this text. */
export const held = (ca: string) => async (lab: TlsLab) => ({ url: at(await lab.serve(leaf, [intermediate])), ca });

/** A server with such a certificate, and its CA. */
export const by =
  (options: Parameters<typeof makeLeaf>[1], more: Partial<Order> = {}) =>
  async (lab: TlsLab) => ({ url: at(await lab.serve(makeLeaf(root, options))), ca: root.cert, ...more });

/** The usual server with such options. */
export const having =
  (options: Parameters<TlsLab['serve']>[2], more: Partial<Order> = {}) =>
  async (lab: TlsLab) => ({ url: at(await lab.serve(leaf, [intermediate], options)), ca: root.cert, ...more });

/** The usual server, under a name with these addresses. */
export const named =
  (host: string, hosts: readonly string[], more: Partial<Order> = {}) =>
  async (lab: TlsLab) => {
    const port = await lab.serve(makeLeaf(root, { names: 'DNS:vault.test' }));
    return { url: at(port, host), ca: root.cert, hosts, ...more };
  };

export const sni = ({ seen }: Told): string => seen.sni ?? 'none';
export const quickly = ({ seconds }: Told): string => `connects, ${seconds < 2.3 ? 'at once' : 'after seconds'}`;
