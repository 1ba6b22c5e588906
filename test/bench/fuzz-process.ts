import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { DialectName } from '../../provider/plan/plan.ts';
import { freePort } from '../lab/free-port.ts';
import { scratchFolder } from '../lab/scratch.ts';
import type { OddVault } from './odd-vault.ts';
import { v8Flags } from './options.ts';

/** keymount as the image runs it, whose log is read and not kept: a million Mounts make half a gigabyte of it. */
export interface FuzzedProcess {
  readonly pid: number;
  socket(name: DialectName): string;
  isAlive(): boolean;
  /** Samples of /metrics by name with labels. */
  metrics(): Promise<Map<string, number>>;
  /** The end of its log, and every line of a crash or of an error that is keymount's own. */
  lastWords(): string;
  stop(): Promise<number | NodeJS.Signals>;
}

const kept = 4_000;
const isDefect = /"event":"crash"|"code":"internal"|\[internal\]|^\(node:\d+\)|Warning: /;

export async function startFuzzed(
  program: string,
  { address }: OddVault,
  nodeFlags: readonly string[] = [],
): Promise<FuzzedProcess> {
  const folder = scratchFolder('fuzz');
  const http = `127.0.0.1:${await freePort()}`;
  mkdirSync(`${folder}/s`);
  writeFileSync(`${folder}/config.yaml`, JSON.stringify(configOf(address)));
  const child = spawn(
    process.execPath,
    [
      ...[...v8Flags, ...nodeFlags, program, 'serve', '--config', `${folder}/config.yaml`, '--http', http],
      ...['--socket-dir', `${folder}/s`, '--state-dir', `${folder}/state`],
      ...['--vault-timeout', '500ms', '--openbao-timeout', '500ms', '--vault-retries', '0', '--openbao-retries', '0'],
    ],
    { cwd: folder, env: { PATH: process.env['PATH'] ?? '', VAULT_ADDR: address }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));
  const log = createTail();
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => log.add(chunk.toString('utf8')));
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  while (!(await isReady(http))) {
    if (!isAlive()) throw new Error(`keymount did not start:\n${log.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    pid: child.pid as number,
    socket: (name) => `${folder}/s/${name}.sock`,
    isAlive,
    lastWords: log.text,
    async metrics() {
      const reply = await fetch(`http://${http}/metrics`);
      return samplesOf(await reply.text());
    },
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(kill, 15_000);
      const code = await ended;
      clearTimeout(timer);
      process.removeListener('exit', kill);
      return code;
    },
  };
}

function configOf(address: string) {
  const odd = { kind: 'vault', address, auth: { method: 'jwt' }, timeout: '500ms', retries: 0 };
  return { connections: { odd } };
}

function createTail() {
  let rest = '';
  let tail = '';
  const defects: string[] = [];
  return {
    add(text: string): void {
      const lines = (rest + text).split('\n');
      rest = (lines.pop() ?? '').slice(0, 100_000);
      for (const line of lines) if (isDefect.test(line) && defects.length < 20) defects.push(line.slice(0, 2_000));
      tail = (tail + text).slice(-kept);
    },
    text: () => [...defects, tail].join('\n'),
  };
}

async function isReady(http: string): Promise<boolean> {
  try {
    return (await fetch(`http://${http}/readyz`)).ok;
  } catch {
    return false;
  }
}

function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}
