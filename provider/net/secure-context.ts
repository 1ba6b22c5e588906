import { createSecureContext, type SecureContext } from 'node:tls';

/** What a TLS connection trusts and shows, in PEM. */
export interface TlsText {
  /** Certificates, one each. Absent: the CAs that Node trusts. */
  readonly cas?: readonly string[] | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
}

/**
 * The one place where TLS contexts are made. Each certificate in `cas` is an anchor, as in Go's x509: an intermediate or the
 * server's own certificate is enough, whoever signed it. Names and dates hold for it all the same. Throws what OpenSSL throws.
 */
export function secureContext({ cas, cert, key }: TlsText): SecureContext {
  return createSecureContext({
    minVersion: 'TLSv1.2',
    allowPartialTrustChain: true,
    ...(cas === undefined ? {} : { ca: [...cas] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
}
