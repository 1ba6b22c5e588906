import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A `keymount serve` with the keymount socket only. */
export interface KeymountProcess {
  readonly socket: string;
  /** Resolves when it serves; rejects with its last output if it does not in 8 seconds. */
  readonly ready: () => Promise<void>;
  /** SIGTERM; resolves with the exit code, null if it had to be killed after 3 seconds. */
  readonly stop: () => Promise<number | null>;
  /** At once, without waiting. */
  readonly kill: () => void;
}

const main = fileURLToPath(new URL('../../provider/main.ts', import.meta.url));

/** Starts keymount; all that it writes is below `directory`. */
export function startKeymount(directory: string, configFile: string): KeymountProcess {
  const socketDir = join(directory, 'providers');
  const socket = join(socketDir, 'keymount.sock');
  const flags = ['--config', configFile, '--socket-dir', socketDir, '--state-dir', join(directory, 'state')];
  const child = spawn(process.execPath, [main, 'serve', ...flags, '--providers', 'keymount'], {
    // Only this: settings in the environment of whoever runs the demo are not for this keymount.
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-4_000);
    });
  }
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const kill = () => void child.kill('SIGKILL');
  return {
    socket,
    kill,
    async ready() {
      const deadline = Date.now() + 8_000;
      while (!existsSync(socket)) {
        if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
          throw new Error(`keymount does not serve:\n${output}`);
        }
        await sleep(10);
      }
    },
    async stop() {
      child.kill('SIGTERM');
      const killer = setTimeout(kill, 3_000);
      const code = await exited;
      clearTimeout(killer);
      return code;
    },
  };
}
