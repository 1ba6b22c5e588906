import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startChild, untilReady } from '../../lab/child-process.ts';
import { freePort } from '../../lab/free-port.ts';
import { answers, requestJson } from '../../lab/http-json.ts';
import type { TokenIssuer } from '../../lab/pod-token.ts';
import { scratchFolder } from '../../lab/scratch.ts';

export const cloudNames = ['aws', 'gcp', 'azure'] as const;
export type CloudName = (typeof cloudNames)[number];

/** What a fake tells of itself. */
export interface CloudFacts {
  /** Environment variables that lead keymount to it. */
  readonly environment: Readonly<Record<string, string>>;
  /** What its ServiceAccounts are annotated with. */
  readonly annotations: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A fake of the tests with the objects of all ServiceAccounts in it. */
export interface CloudFake extends CloudFacts {
  /** Requests so far: `exchanges` of a pod's token, `reads`, and `other`. */
  counts(): Record<string, number>;
}

/** A cloud of the benchmark, which is a process of its own: what it costs is not the provider's. */
export interface Cloud extends CloudFacts {
  /** `host:port` that answers `/counts` as countproxy does. */
  readonly counters: string;
  stop(): Promise<void>;
}

/** Accepts tokens of `issuer`. */
export async function startCloud(name: CloudName, issuer: TokenIssuer): Promise<Cloud> {
  const { publicKeyPem, jwks } = issuer;
  const keys = `${scratchFolder('cloud')}/issuer.json`;
  writeFileSync(keys, JSON.stringify({ issuer: issuer.issuer, publicKeyPem, jwks }));
  const counters = `127.0.0.1:${await freePort()}`;
  const program = fileURLToPath(new URL('process.ts', import.meta.url));
  const child = await startChild(process.execPath, [program, name, counters, keys]);
  await untilReady(child, `the fake of ${name}`, () => answers(`http://${counters}/counts`));
  const facts = (await requestJson(`http://${counters}/facts`)).body as CloudFacts;
  return {
    ...facts,
    counters,
    async stop() {
      await child.stop();
    },
  };
}
