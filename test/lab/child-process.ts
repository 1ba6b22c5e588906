import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A program that a test started. It never outlives the test's own process. */
export interface Child {
  readonly pid: number;
  /** Everything written to stdout and stderr so far. */
  output(): string;
  /** Settles when the program has ended, with its exit code, or with the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals>;
  isRunning(): boolean;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL when it has not ended within `grace` milliseconds (5,000 unless told). */
  stop(grace?: number): Promise<number | NodeJS.Signals>;
}

export interface ChildOptions {
  cwd?: string | undefined;
  /** The whole environment of the program. Unless told it gets PATH and nothing else: a developer's VAULT_TOKEN stays out. */
  env?: Record<string, string> | undefined;
}

const running = new Set<ChildProcess>();

/** Starts a program. Rejects if it cannot be started at all. */
export async function startChild(command: string, args: string[], options: ChildOptions = {}): Promise<Child> {
  endWithThisProcess();
  const env = options.env ?? { PATH: process.env['PATH'] ?? '' };
  const child = spawn(command, args, { cwd: options.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve(code ?? signal ?? 'SIGKILL');
    });
  });
  await once(child, 'spawn');
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid as number,
    output: () => Buffer.concat(chunks).toString('utf8'),
    ended,
    isRunning,
    signal: (name) => void child.kill(name),
    async stop(grace = 5_000) {
      // a stopped process (SIGSTOP) takes SIGTERM only once it goes on
      child.kill('SIGTERM');
      child.kill('SIGCONT');
      const timer = setTimeout(() => child.kill('SIGKILL'), grace);
      try {
        return await ended;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/**
 * Asks `ready` every 10 ms until it answers true. If the program ends first, or `timeout` milliseconds (15,000 unless told)
 * pass, the program is killed and the Error carries its output.
 */
export async function untilReady(
  child: Child,
  what: string,
  ready: () => Promise<boolean>,
  timeout = 15_000,
): Promise<void> {
  const end = performance.now() + timeout;
  while (!(await ready())) {
    if (!child.isRunning()) throw new Error(`${what} ended with ${await child.ended}:\n${child.output()}`);
    if (performance.now() > end) {
      child.signal('SIGKILL');
      throw new Error(`${what} was not ready after ${timeout} ms:\n${child.output()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

let hooked = false;

/** The test runner ends a test file with SIGTERM, and then no `exit` event would come by itself. */
function endWithThisProcess(): void {
  if (hooked) return;
  hooked = true;
  process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
  });
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(name, () => process.exit(code));
  }
}
