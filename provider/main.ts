#!/usr/bin/env node
import { readFileSync, writeFileSync } from 'node:fs';
import { formatError, toKeymountError } from './errors.ts';

/** argv → command. The only file that touches `process`: arguments, environment, signals, exit codes. */

const usage = `keymount: one Secrets Store CSI driver provider for Vault, OpenBao and an embedded store

usage: keymount COMMAND [options]

  serve      answer the driver on its provider sockets
  mount      mount a SecretProviderClass file once, without a driver: a dry run
  status     show what the keymount on this node holds, without values
  prepare    make room for the sockets as root, before the daemon starts
  version    print the version

keymount COMMAND --help tells more. docs/ has a page for each task.
`;

async function main(command: string | undefined, argv: readonly string[]): Promise<number> {
  // Node opens its inspector at this signal unless somebody listens to it; the image has --disable-sigusr1 as well.
  process.on('SIGUSR1', () => {});
  switch (command) {
    case 'serve':
      return await runServe(argv);
    case 'mount':
      leaveOutOfCoreDumps();
      return await (await import('./commands/mount.ts')).runMount(argv, {
        env: process.env,
        readFile,
        surroundings: surroundings(),
        print: (line) => process.stdout.write(`${line}\n`),
        warn: (line) => process.stderr.write(`${line}\n`),
      });
    case 'status':
      return await runStatus(argv);
    case 'prepare':
      return await runPrepare(argv);
    case 'version':
    case '--version':
      process.stdout.write(`${(await import('./rpc/version.ts')).runtimeVersion}\n`);
      return 0;
    case undefined:
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(usage);
      return command === undefined ? 2 : 0;
    default:
      process.stderr.write(`keymount: there is no command ${JSON.stringify(command)}\n\n${usage}`);
      return 2;
  }
}

async function runServe(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write((await import('./settings/help.ts')).serveHelp());
    return 0;
  }
  const { loadSettings } = await import('./settings/load.ts');
  const { createLog } = await import('./telemetry/log.ts');
  const { serve } = await import('./commands/serve.ts');
  const { settings, warnings } = loadSettings({
    argv,
    env: process.env,
    readFile,
  });
  const log = createLog(settings.log);
  const dumps = leaveOutOfCoreDumps();
  const stop = stopSignal();
  // A last resort: every path of a Mount ends in one place that catches. What gets here is a defect, told without its text.
  const crash = (thrown: unknown) => {
    log.error({ event: 'crash', error: toKeymountError(thrown) });
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  await serve({ settings, warnings: [...warnings, ...dumps], surroundings: surroundings(), log, stop });
  // A driver that hangs keeps its connection open, and the connection would keep the process.
  process.exit(0);
}

async function runPrepare(argv: readonly string[]): Promise<number> {
  const { runPrepare: run } = await import('./commands/prepare.ts');
  const print = (text: string) => process.stdout.write(text);
  return await run(argv, { print, stop: stopSignal() });
}

/** Aborts when the process is asked to stop. As process 1 of a container it would not end by itself. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  return stop.signal;
}

async function runStatus(argv: readonly string[]): Promise<number> {
  const { runStatus: run, statusHelp } = await import('./commands/status.ts');
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(statusHelp);
    return 0;
  }
  const { loadSettings } = await import('./settings/load.ts');
  const { settings } = loadSettings({ argv: argv.filter((arg) => arg !== '--json'), env: process.env, readFile });
  return await run(argv, settings.socketDir, (line) => process.stdout.write(`${line}\n`));
}

/**
 * Takes this process's memory, in which the secrets are, out of core dumps, as far as Linux lets it: neither Node nor Kubernetes can
 * set a limit for them (RLIMIT_CORE). Without a bit set, no mapping is dumped: https://man7.org/linux/man-pages/man5/core.5.html.
 * Gives what an admin should know.
 */
function leaveOutOfCoreDumps(): string[] {
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
    return [];
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    return [`a core dump of keymount would hold secrets: /proc/self/coredump_filter cannot be written (${code})`];
  }
}

function readFile(path: string): string {
  return readFileSync(path, 'utf8');
}

function surroundings() {
  const { KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT, POD_NAMESPACE, POD_UID } = process.env;
  return {
    serviceHost: KUBERNETES_SERVICE_HOST,
    servicePort: KUBERNETES_SERVICE_PORT,
    podNamespace: POD_NAMESPACE,
    podUid: POD_UID,
    nodeVersion: process.version,
    random: Math.random,
  };
}

// The bundle is CommonJS, which has no top-level await.
main(process.argv[2], process.argv.slice(3)).then(
  (code) => {
    process.exitCode = code;
  },
  (thrown: unknown) => {
    const error = toKeymountError(thrown);
    // Of settings all mistakes are listed, a line each.
    const text = error.code === 'settings-invalid' && error.message.includes('\n') ? error.message : formatError(error);
    process.stderr.write(`keymount: ${text}\n`);
    // The frames alone: what a library says may hold a secret.
    const frames =
      thrown instanceof Error && error.code === 'internal' ? thrown.stack?.match(/^ +at .*$/gm) : undefined;
    if (frames) process.stderr.write(`${frames.join('\n')}\n`);
    process.exitCode = 1;
  },
);
