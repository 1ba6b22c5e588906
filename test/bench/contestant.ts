import { cpSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { DialectName } from '../../provider/plan/plan.ts';
import { accepts } from '../lab/accepts.ts';
import { startChild, untilReady } from '../lab/child-process.ts';
import { startKeymount } from '../lab/keymount.ts';
import { scratchFolder } from '../lab/scratch.ts';
import type { BenchLab } from './bench-lab.ts';
import { type BenchOptions, mallocSettings } from './options.ts';

/** A provider process under load. */
export interface Running {
  pid: number;
  /** Path of a dialect's socket. */
  socket(dialect: DialectName): string;
  stop(): Promise<void>;
}

/** Starts a fresh process and waits until its socket accepts connections. */
export type StartContestant = () => Promise<Running>;

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** What runs as keymount. The bundle is copied, so that a build during the benchmark changes nothing; Error if there is none. */
export function keymountProgram({ source }: BenchOptions): string {
  if (source) return `${repository}provider/main.ts`;
  if (!existsSync(`${repository}dist/keymount.cjs`)) {
    throw new Error('there is no dist/keymount.cjs: run npm run build, or use --source');
  }
  const folder = scratchFolder('dist');
  cpSync(`${repository}dist`, folder, { recursive: true });
  return `${folder}/keymount.cjs`;
}

/** keymount as the image runs it, with the lab's OpenBao and Kubernetes API, and what `environment` says besides. */
export function keymountContestant(
  lab: BenchLab,
  program: string,
  { nodeFlags }: BenchOptions,
  environment: Readonly<Record<string, string>>,
): StartContestant {
  const env = { ...mallocSettings, VAULT_ADDR: lab.vaultAddress, BAO_ADDR: lab.vaultAddress, ...environment };
  const args = ['--kubeconfig', lab.kube.kubeconfig];
  return async () => {
    const keymount = await startKeymount({ program, nodeFlags, env, args });
    return { pid: keymount.child.pid, socket: keymount.socket, stop: () => keymount.stop() };
  };
}

/** The handler of constant-handler.ts, which answers each Mount with `reply`: the floor that grpc-js itself sets. */
export async function constantContestant(reply: string, { source, nodeFlags }: BenchOptions): Promise<StartContestant> {
  const program = source ? `${repository}test/bench/constant-handler.ts` : await bundledHandler();
  return async () => {
    const socket = `${scratchFolder('c')}/vault.sock`;
    const args = [...nodeFlags, program, socket, reply, `${repository}proto/provider/v1alpha1/service.proto`];
    const child = await startChild(process.execPath, args, { env: { ...mallocSettings } });
    await untilReady(child, 'the constant handler', () => accepts(socket));
    return {
      pid: child.pid,
      socket: () => socket,
      async stop() {
        await child.stop();
      },
    };
  };
}

/** Bundled as keymount is: Node's loading of TypeScript would cost this process memory that keymount's does not spend. */
async function bundledHandler(): Promise<string> {
  const outfile = `${scratchFolder('c')}/constant-handler.cjs`;
  await build({
    entryPoints: [`${repository}test/bench/constant-handler.ts`],
    ...{ outfile, bundle: true, platform: 'node', target: 'node24', format: 'cjs', logLevel: 'warning' },
  });
  return outfile;
}
