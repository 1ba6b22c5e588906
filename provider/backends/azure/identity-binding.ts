import { createHash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import type { Socket } from 'node:net';
import { connect, type SecureContext } from 'node:tls';
import { KeymountError } from '../../errors.ts';
import { type Address, hostPort } from '../../net/address.ts';
import type { TlsSettings } from '../../net/agents.ts';
import { connectionFailure } from '../../net/connection-error.ts';
import { Dialing, dial } from '../../net/dial.ts';
import { handshake, namedBy } from '../../net/handshake.ts';
import { createTlsMaterialReader } from '../../net/tls-files.ts';
import { type Trust, usualTrust } from '../../net/trust.ts';
import { after, type Clock } from '../../util/clock.ts';
import type { TokenProxy } from './connection.ts';

/** Milliseconds for the handshake with the API server. */
const handshakeTimeout = 10_000;

/**
 * How to reach the token proxy of AKS identity binding: the API server's address, but with a server name (SNI) of its own, which
 * is made from the id of the cluster.
 */
export class TokenProxies {
  readonly #clock: Clock;
  readonly #trust: Trust;
  readonly #names = new Map<string, string>();

  constructor(clock: Clock, trust: Trust = usualTrust) {
    this.#clock = clock;
    this.#trust = trust;
  }

  /** Throws `login-failed` where the name of the cluster cannot be found. */
  async locate(
    { address, sniName, ca }: TokenProxy,
    signal: AbortSignal,
  ): Promise<{ address: Address; tls: TlsSettings }> {
    const file = ca !== undefined && (await exists(ca)) ? { path: ca } : undefined;
    if (address.scheme !== 'https') return { address, tls: { skipVerify: false } };
    const serverName = sniName ?? (await this.#nameOf(address, file?.path, signal));
    return { address, tls: { ca: file, serverName, skipVerify: false } };
  }

  async #nameOf(address: Address, ca: string | undefined, signal: AbortSignal): Promise<string> {
    const known = this.#names.get(address.text);
    if (known !== undefined) return known;
    const clusterId = await this.#findCluster(address, ca, signal);
    const name = sniNameOf(clusterId);
    this.#names.set(address.text, name);
    return name;
  }

  async #findCluster(address: Address, ca: string | undefined, signal: AbortSignal): Promise<string> {
    let names: string;
    try {
      const files = ca === undefined ? {} : { ca: { path: ca } };
      const { context } = await createTlsMaterialReader(files, this.#clock, this.#trust).current();
      names = await this.#alternativeNames(address, context, signal);
    } catch (thrown) {
      const { failure } = connectionFailure(thrown, { address: address.text, endpoint: hostPort(address) });
      throw failed(failure.reason === undefined ? failure.message : `${failure.message}: ${failure.reason}`);
    }
    const id = /(?:^|, )DNS:hcp-kubernetes\.([^,\s]+)\.svc\.cluster\.local(?:,|$)/.exec(names)?.[1];
    if (id === undefined) throw failed(`the certificate of ${address.text} names no cluster of AKS`);
    return id;
  }

  /** `DNS:kubernetes, DNS:hcp-kubernetes.….svc.cluster.local` of a certificate that was verified. */
  async #alternativeNames({ host, port }: Address, secureContext: SecureContext, signal: AbortSignal): Promise<string> {
    const late = new AbortController();
    const cancelTimer = after(this.#clock, handshakeTimeout, () => late.abort());
    const given = AbortSignal.any([signal, late.signal]);
    let socket: Socket | undefined;
    const close = () => socket?.destroy();
    given.addEventListener('abort', close, { once: true });
    try {
      socket = await dial({ host, port }, { clock: this.#clock, signal: given, dialing: new Dialing() });
      const secured = await handshake(connect({ socket, ...namedBy(host), secureContext }));
      return secured.getPeerCertificate().subjectaltname ?? '';
    } catch (thrown) {
      throw late.signal.aborted ? Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }) : thrown;
    } finally {
      cancelTimer();
      given.removeEventListener('abort', close);
      close();
    }
  }
}

/** `a<base32hex(sha256("identity-binding" + id))>.ests.aks`, in lower case and without padding. */
export function sniNameOf(clusterId: string): string {
  const digest = createHash('sha256').update(`identity-binding${clusterId}`).digest();
  return `a${base32Hex(digest)}.ests.aks`;
}

/** RFC 4648, section 7. */
function base32Hex(bytes: Buffer): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => Number.parseInt(five.padEnd(5, '0'), 2).toString(32)).join('');
}

async function exists(path: string): Promise<boolean> {
  return await fs.access(path).then(
    () => true,
    () => false,
  );
}

function failed(reason: string): KeymountError {
  return new KeymountError('login-failed', 'the token proxy of identity binding was not found', {
    reason,
    hint: 'the admin of keymount can set dropIn.azure.tokenProxy.sniName',
  });
}
