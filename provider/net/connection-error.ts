import { KeymountError } from '../errors.ts';
import { isDialError, triedText } from './dial-error.ts';

/** A failed exchange: the error to show, and whether another try may help. */
export interface Failure {
  readonly failure: KeymountError;
  readonly transient: boolean;
  /** No server has seen the request. */
  readonly unsent?: boolean;
}

/** Whom we talked to, for messages. */
export interface Peer {
  /** The address of the connection, `https://vault:8200`. */
  readonly address: string;
  /** What the socket was opened to: `vault:8200`, a socket path, or `the proxy squid:3128`. */
  readonly endpoint: string;
}

const unreachable: Readonly<Record<string, (endpoint: string) => string>> = {
  ECONNREFUSED: (endpoint) => `connection refused by ${endpoint}`,
  ENOTFOUND: (endpoint) => `no such host: ${endpoint.replace(/:\d+$/, '')}`,
  EAI_AGAIN: (endpoint) => `DNS does not answer for ${endpoint}`,
  EAI_FAIL: (endpoint) => `DNS fails for ${endpoint}`,
  ETIMEDOUT: (endpoint) => `no answer from ${endpoint}`,
  ECONNRESET: (endpoint) => `connection reset by ${endpoint}`,
  EPIPE: (endpoint) => `connection closed by ${endpoint}`,
  ECONNABORTED: (endpoint) => `connection closed by ${endpoint}`,
  EHOSTUNREACH: (endpoint) => `no route to ${endpoint}`,
  ENETUNREACH: (endpoint) => `no route to ${endpoint}`,
  EHOSTDOWN: (endpoint) => `no route to ${endpoint}`,
  EADDRNOTAVAIL: (endpoint) => `no local port left for ${endpoint}`,
  EMFILE: () => 'too many open files',
  ENFILE: () => 'too many open files',
  ENOENT: (endpoint) => `there is no socket ${endpoint}`,
  EACCES: (endpoint) => `no permission for ${endpoint}`,
  EPERM: (endpoint) => `no permission for ${endpoint}`,
  ENOTSOCK: (endpoint) => `${endpoint} is no socket`,
};

/** Those that only opening a connection ends with. */
const beforeConnect: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'ENOENT',
  'EACCES',
  'ENOTSOCK',
]);

const untrusted: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'it is signed by a CA that is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'it is signed by a CA that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT: 'it is signed by a CA that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'it is signed by a CA that is not trusted here',
  CERT_UNTRUSTED: 'it is signed by a CA that is not trusted here',
  CERT_SIGNATURE_FAILURE: 'its signature is not by the trusted CA',
  INVALID_CA: 'it is signed by something that is no CA',
  INVALID_PURPOSE: 'it is not for TLS servers',
  PATH_LENGTH_EXCEEDED: 'its chain is longer than the CA allows',
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  CERT_REVOKED: 'it was revoked',
};

// What X509_verify_cert says besides, in Node's words; `UNSPECIFIED` is each reason that Node has no word for, such as a weak key.
// https://nodejs.org/docs/latest-v24.x/api/tls.html#x509-certificate-error-codes
const otherwiseUntrusted: ReadonlySet<string> = new Set([
  'UNSPECIFIED',
  'CERT_CHAIN_TOO_LONG',
  'CERT_REJECTED',
  'HOSTNAME_MISMATCH',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'UNABLE_TO_GET_CRL',
  'UNABLE_TO_DECRYPT_CRL_SIGNATURE',
  'CRL_SIGNATURE_FAILURE',
  'CRL_NOT_YET_VALID',
  'CRL_HAS_EXPIRED',
  'ERROR_IN_CRL_LAST_UPDATE_FIELD',
  'ERROR_IN_CRL_NEXT_UPDATE_FIELD',
]);

/** Named like failures of TLS, but the connection went away: another try may help. */
const wentAway: ReadonlySet<string> = new Set(['ERR_SSL_UNEXPECTED_EOF_WHILE_READING', 'ERR_TLS_HANDSHAKE_TIMEOUT']);

const ownCa =
  'set the CA to the one that signed it: tls.ca of the connection, or of a class that names none dropIn.vault.tls.ca and the like (--vault-tls-ca-cert)';
const stronger = 'give the server, and the CA if need be, a key of at least 2048 bits (RSA) and a signature of SHA-256';
const untrustedHints: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'renew the certificate of the server',
  CERT_NOT_YET_VALID: 'check the clock of the node and of the server',
  CERT_REVOKED: 'renew the certificate of the server',
};

/** Any error of a socket, of TLS, of DNS or of the HTTP parser. The thrown thing itself is not attached. */
export function connectionFailure(thrown: unknown, peer: Peer): Failure {
  for (const error of causes(thrown)) {
    if (error instanceof KeymountError) return { failure: error, transient: false };
    const code = codeOf(error);
    const reason = Object.hasOwn(unreachable, code) ? unreachable[code]?.(peer.endpoint) : undefined;
    if (reason !== undefined) {
      const dialed = isDialError(error);
      const tried = dialed ? triedText(error.tried) : '';
      return unreachableFailure(peer, reason + tried, dialed || beforeConnect.has(code));
    }
    const known = tlsFailure(code, error, peer) ?? protocolFailure(code, error, peer);
    if (known !== undefined) return { failure: known, transient: false, ...(isRefusal(code) ? { unsent: true } : {}) };
  }
  return unreachableFailure(peer, `the connection to ${peer.endpoint} failed (${codeOf(thrown) || 'unknown error'})`);
}

export function unreachableFailure({ address }: Peer, reason: string, unsent = false): Failure {
  const failure = new KeymountError('backend-unreachable', `cannot reach ${address}`, { reason });
  return { failure, transient: true, ...(unsent ? { unsent } : {}) };
}

/** It is this side that ended the handshake, before anything was sent. */
function isRefusal(code: string): boolean {
  return Object.hasOwn(untrusted, code) || otherwiseUntrusted.has(code) || code === 'ERR_TLS_CERT_ALTNAME_INVALID';
}

function tlsFailure(code: string, error: object, { address }: Peer): KeymountError | undefined {
  const title = `the TLS certificate of ${address} is not trusted`;
  if (Object.hasOwn(untrusted, code)) {
    return new KeymountError('backend-untrusted', title, {
      reason: untrusted[code],
      hint: untrustedHints[code] ?? ownCa,
    });
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return new KeymountError('backend-untrusted', title, {
      reason: `it is for other names${namesOf(error)} than ${wantedOf(error)}`,
      hint: 'use one of them in the address, or set the server name of the connection (tls.serverName)',
    });
  }
  if (otherwiseUntrusted.has(code)) {
    const reason = sentenceOf(error);
    return new KeymountError('backend-untrusted', title, {
      reason,
      hint: /weak|small/.test(reason) ? stronger : ownCa,
    });
  }
  if (!isOfTls(code, error)) return undefined;
  const reason = opensslReason(code, error);
  if (/wrong version number|packet length too long|http request/.test(reason)) {
    return new KeymountError('backend-untrusted', `${address} does not speak TLS`, {
      hint: 'if the server has TLS disabled, its address begins with http://',
    });
  }
  if (/protocol version|unsupported protocol/.test(reason)) {
    return new KeymountError('backend-untrusted', `no TLS connection to ${address}`, {
      reason,
      hint: 'keymount speaks TLS 1.2 and 1.3',
    });
  }
  if (/certificate|unknown ca|handshake failure|access denied/.test(reason)) {
    return new KeymountError('backend-untrusted', `${address} refused the TLS handshake`, {
      reason,
      hint: 'it may want a client certificate, or another one',
    });
  }
  return new KeymountError('backend-untrusted', `no TLS connection to ${address}`, { reason });
}

function protocolFailure(code: string, error: object, { address, endpoint }: Peer): KeymountError | undefined {
  if (code.startsWith('HPE_')) {
    return new KeymountError('backend-reply-invalid', `the answer of ${address} is not HTTP`, { reason: words(code) });
  }
  if (code === 'ERR_PROXY_TUNNEL') {
    const status = 'statusCode' in error ? ` (${String(error.statusCode)})` : '';
    return new KeymountError('backend-unreachable', `cannot reach ${address}`, {
      reason: `${endpoint} refused the connection${status}`,
      hint: 'add the host to NO_PROXY if it can be reached directly',
    });
  }
  if (code === 'ERR_INVALID_CHAR' || code === 'ERR_UNESCAPED_CHARACTERS' || code === 'ERR_INVALID_HTTP_TOKEN') {
    return new KeymountError('class-invalid', 'the request has characters that HTTP does not allow');
  }
  return undefined;
}

/** The error, its causes, and the parts of an AggregateError (one for each address that was tried). */
function causes(thrown: unknown): object[] {
  const found: object[] = [];
  const look = (error: unknown) => {
    if (typeof error !== 'object' || error === null || found.length > 16 || found.includes(error)) return;
    found.push(error);
    if ('errors' in error && Array.isArray(error.errors)) error.errors.forEach(look);
    if ('cause' in error) look(error.cause);
  };
  look(thrown);
  return found;
}

function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** Node says it by the code, by OpenSSL's library, or in the text alone, as with EPROTO, which may come from a socket as well. */
function isOfTls(code: string, error: object): boolean {
  if (wentAway.has(code)) return false;
  return /^ERR_(?:SSL|TLS|OSSL)_/.test(code) || 'library' in error || opensslText(error) !== undefined;
}

/** OpenSSL's own word for it, one of a fixed list. */
function opensslReason(code: string, error: object): string {
  return opensslText(error) ?? ('reason' in error && 'library' in error ? String(error.reason) : words(code));
}

/** `…:error:0A000410:SSL routines:ssl3_read_bytes:ssl/tls alert handshake failure:…` */
function opensslText(error: object): string | undefined {
  const text = 'message' in error ? String(error.message) : '';
  return /:error:[0-9A-F]{8}:[^:]+:[^:]*:([^:]+):/.exec(text)?.[1];
}

/** What X509_verify_cert_error_string says, without the advice that Node adds to it. */
function sentenceOf(error: object): string {
  const text = 'message' in error ? String(error.message) : '';
  return /^[^;]*/.exec(text)?.[0] || 'OpenSSL does not say why';
}

/** `ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED` → `tlsv13 alert certificate required`. */
function words(code: string): string {
  return code
    .replace(/^(?:ERR_SSL|ERR_TLS|ERR_OSSL|HPE)_/, '')
    .toLowerCase()
    .replaceAll('_', ' ');
}

/** The name that was looked for, the address's host or the server name of the connection. */
function wantedOf(error: object): string {
  return 'host' in error && typeof error.host === 'string' ? error.host.slice(0, 253) : 'that of the address';
}

/** What the certificate is for, at most three names: it comes from whoever answered. */
function namesOf(error: object): string {
  const cert = 'cert' in error ? error.cert : undefined;
  const names = typeof cert === 'object' && cert !== null && 'subjectaltname' in cert ? cert.subjectaltname : undefined;
  if (typeof names !== 'string') return '';
  const shown = names
    .split(', ')
    .map((name) => name.replace(/^(?:DNS|IP Address):/, '').slice(0, 64))
    .slice(0, 3);
  return ` (${shown.join(', ')})`;
}
