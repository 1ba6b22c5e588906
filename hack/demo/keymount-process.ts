import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A running `keymount serve` with the keymount socket only. */
export interface KeymountProcess {
  readonly socket: string;
  /** SIGTERM, and SIGKILL if that does not help; resolves with the exit code, null after a signal. */
  readonly stop: () => Promise<number | null>;
}

const main = fileURLToPath(new URL('../../provider/main.ts', import.meta.url));

/** Starts keymount with everything it writes below `directory`. Rejects with its last output if it does not serve in time. */
export async function startKeymount(directory: string, configFile: string): Promise<KeymountProcess> {
  const socketDir = join(directory, 'providers');
  const socket = join(socketDir, 'keymount.sock');
  const flags = ['--config', configFile, '--socket-dir', socketDir, '--state-dir', join(directory, 'state')];
  const child = spawn(process.execPath, [main, 'serve', ...flags, '--providers', 'keymount'], {
    // Only this: settings in the environment of whoever runs the demo are not for this keymount.
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C is for the demo alone, which then stops its keymount in order.
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-4_000);
    });
  }
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const stop = async () => {
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), 3_000);
    const code = await exited;
    clearTimeout(killer);
    return code;
  };

  const deadline = Date.now() + 5_000;
  while (!existsSync(socket)) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`keymount did not start:\n${output}`);
    }
    await sleep(10);
  }
  return { socket, stop };
}
