import type { SecureContext } from 'node:tls';
import { KeymountError } from '../errors.ts';
import { KeptAgent } from '../net/kept-agent.ts';
import { readPemBundle } from '../net/pem-bundle.ts';
import { secureContext } from '../net/secure-context.ts';
import { leftOutText } from '../net/system-roots.ts';
import type { Trust } from '../net/trust.ts';
import type { Clock } from '../util/clock.ts';
import { asKubeError } from './as-kube-error.ts';
import type { KubeConfig } from './config.ts';
import { KubeError, noAnswer } from './kube-error.ts';
import type { Material } from './material.ts';

/** The kept connections to the API server. */
export interface KubeAgents {
  /** Another agent where the CA or the client certificate has changed. Throws KubeError. */
  readonly current: () => Promise<KeptAgent>;
  readonly close: () => void;
}

/** Milliseconds that an idle connection is kept: below the 60 s after which common load balancers drop it silently. */
const idle = 45_000;

/** `read` gives the present text of a Material. */
export function createKubeAgents(
  config: KubeConfig,
  read: (material: Material | undefined) => Promise<string | undefined>,
  trust: Trust,
  clock: Clock,
): KubeAgents {
  let current: { readonly agent: Promise<KeptAgent>; readonly stamp: string } | undefined;

  async function find(): Promise<KeptAgent> {
    const { ca, clientCertificate } = config;
    const tls = {
      ca: await read(ca),
      cert: await read(clientCertificate?.cert),
      key: await read(clientCertificate?.key),
    };
    const stamp = JSON.stringify(tls);
    if (current?.stamp === stamp) return await current.agent;
    const agent = contextOf(config, tls, trust).then((context) => createAgent(config, context, clock));
    current?.agent.then(retire, () => {});
    const next = { agent, stamp };
    current = next;
    try {
      return await agent;
    } catch (thrown) {
      // The CAs of the system may be there the next time.
      if (current === next) current = undefined;
      throw thrown;
    }
  }

  return {
    current: find,
    close() {
      current?.agent.then(
        (agent) => agent.destroy(),
        () => {},
      );
    },
  };
}

interface TlsText {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** A CA that has no usable certificate would trust nobody without a word. */
async function contextOf(config: KubeConfig, { ca, cert, key }: TlsText, trust: Trust): Promise<SecureContext> {
  try {
    if (ca === undefined && !config.skipVerify) {
      const system = await trust.system();
      return cert === undefined ? system.context : secureContext({ cas: system.cas, cert, key });
    }
    if (ca === undefined) return secureContext({ cert, key });
    const { certificates, leftOut } = readPemBundle(ca);
    if (certificates.length === 0) throw new Error('no certificate');
    if (leftOut > 0) trust.told(caName(config), leftOutText(leftOut, certificates.length));
    return secureContext({ cas: certificates, cert, key });
  } catch (thrown) {
    if (thrown instanceof KeymountError) throw asKubeError(thrown);
    throw new KubeError(undefined, noAnswer.badCredentials, 'the CA or the client certificate is no usable PEM');
  }
}

function caName({ ca }: KubeConfig): string {
  return ca !== undefined && 'file' in ca ? ca.file : 'the CA of the kubeconfig';
}

function createAgent({ skipVerify, serverName }: KubeConfig, context: SecureContext, clock: Clock): KeptAgent {
  return new KeptAgent({
    clock,
    keepAlive: true,
    maxIdle: 4,
    timeout: idle,
    secureContext: context,
    rejectUnauthorized: !skipVerify,
    ...(serverName === undefined ? {} : { servername: serverName }),
  });
}

/** Calls in flight end on their old connections, idle ones are closed. */
function retire(agent: KeptAgent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}
