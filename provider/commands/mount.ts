import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KeymountError } from '../errors.ts';
import { assemble, type Surroundings } from '../mount/assemble.ts';
import { type MountParts, type MountRecord, type MountReply, mount } from '../mount/mount.ts';
import { formatProblem } from '../plan/problems.ts';
import { loadSettings, type SettingsInput } from '../settings/load.ts';
import { createLog } from '../telemetry/log.ts';
import { systemClock } from '../util/clock.ts';
import { startDeadline } from '../util/deadline.ts';
import { visible } from '../util/visible.ts';
import { type ClassFile, parseClassFile } from './class-file.ts';
import { columns, modeText } from './columns.ts';
import { type MountFlags, mountUsage, parseMountFlags } from './mount-flags.ts';

/** The process around the command. */
export interface MountEdges {
  readonly env: SettingsInput['env'];
  readonly readFile: SettingsInput['readFile'];
  readonly surroundings: Surroundings;
  /** Takes whole lines without their end. */
  readonly print: (line: string) => void;
  /** For what is not the result: warnings. */
  readonly warn: (line: string) => void;
}

/**
 * `keymount mount CLASS.yaml`: one Mount without a driver, for people. Returns the exit code; throws the Mount's own error, and
 * `settings-invalid` for wrong flags.
 */
export async function runMount(argv: readonly string[], edges: MountEdges): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    edges.print(mountUsage.trimEnd());
    return 0;
  }
  const flags = parseMountFlags(argv);
  const { settings, warnings } = loadSettings({ ...edges, argv: flags.settings });
  for (const warning of warnings) edges.warn(`warning: ${warning}`);
  const file = parseClassFile(readInput(flags.classFile, edges), flags.className);
  const namespace = flags.namespace ?? file.namespace ?? 'default';
  const call = { attributes: attributesOf(file, namespace, flags, edges), secrets: 'null', permission: '420' };

  const log = createLog({ level: 'warn', format: 'text', write: (line) => edges.warn(line.trimEnd()) });
  const parts = await assemble(settings, edges.surroundings, { log });
  const record: MountRecord = { reads: 0, cached: 0, stale: 0 };
  const deadline = startDeadline(systemClock, systemClock.now() + settings.limits.mountTimeout, () => {
    return new KeymountError('deadline-exceeded', 'the time for the Mount passed before everything was read');
  });
  try {
    const reply = await mount(call, file.dialect, withSomeKey(parts, edges), record, deadline.signal);
    for (const problem of record.plan?.warnings ?? []) edges.warn(`warning: ${formatProblem(problem)}`);
    for (const warning of record.warnings ?? []) edges.warn(`warning: ${warning}`);
    if (flags.out !== undefined) writeFiles(flags.out, reply);
    const pod = `pod ${namespace}/${flags.pod}, ServiceAccount ${flags.serviceAccount}`;
    edges.print(`class ${file.name}, provider ${file.dialect}, for ${pod}`);
    for (const line of describeReply(reply)) edges.print(line);
    for (const { address, ends } of parts.issued()) {
      const what = ends ? 'it is ended now' : 'it stays valid to its own end';
      edges.warn(`warning: ${address.replace(/^\/v1\//, '')} issued a credential for this run; ${what}`);
    }
    return 0;
  } finally {
    deadline.end();
    await parts.close();
  }
}

/** What the driver (v1.6.0) would send: the class's parameters, overlaid with what kubelet says of the pod. */
function attributesOf(
  { name, parameters }: ClassFile,
  namespace: string,
  { pod, podUid, serviceAccount, tokenFiles }: MountFlags,
  edges: MountEdges,
): string {
  const prefix = 'csi.storage.k8s.io/';
  const expirationTimestamp = new Date(systemClock.now() + 3_600_000).toISOString();
  const tokens = [...tokenFiles].map(([audience, path]) => {
    return [audience, { token: readInput(path, edges).trim(), expirationTimestamp }];
  });
  return JSON.stringify({
    ...parameters,
    [`${prefix}pod.name`]: pod,
    [`${prefix}pod.namespace`]: namespace,
    [`${prefix}pod.uid`]: podUid,
    [`${prefix}serviceAccount.name`]: serviceAccount,
    [`${prefix}ephemeral`]: 'true',
    secretProviderClass: name,
    ...(tokens.length === 0 ? {} : { [`${prefix}serviceAccount.tokens`]: JSON.stringify(Object.fromEntries(tokens)) }),
  });
}

/** On a machine that has no key of versions a dry run makes one up: it must not fail for that, nor leave one behind. */
function withSomeKey(parts: MountParts, { warn }: MountEdges): MountParts {
  return {
    ...parts,
    async versionKey(dialect, signal) {
      try {
        return await parts.versionKey(dialect, signal);
      } catch (error) {
        if (!(error instanceof KeymountError) || error.code !== 'version-key-unavailable') throw error;
        warn(
          'warning: no version key here, so the versions below are of this run only; --state-dir names the one of a node',
        );
        return randomBytes(32);
      }
    },
  };
}

function describeReply({ files, versions }: MountReply): string[] {
  // In the order of the files; some dialects give ids that are no paths.
  const rows = files.map(({ path, mode, contents }, index) => {
    return [visible(path), modeText(mode), String(contents.length), versions[index]?.version ?? ''];
  });
  return ['', ...columns([['file', 'mode', 'bytes', 'version'], ...rows], [2])];
}

/** Throws `settings-invalid` if the directory holds something or a file cannot be written. */
function writeFiles(directory: string, { files }: MountReply): void {
  const refuse = (reason: string) =>
    new KeymountError('settings-invalid', '--out: the files cannot be written', {
      reason,
      hint: 'name a new directory',
    });
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (readdirSync(directory).length > 0) throw refuse('the directory is not empty');
    for (const { path, mode, contents } of files) {
      const target = join(directory, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, contents, { mode: 0o600, flag: 'wx' });
      chmodSync(target, mode);
    }
  } catch (error) {
    throw error instanceof KeymountError ? error : refuse((error as NodeJS.ErrnoException).code ?? 'unknown error');
  }
}

function readInput(path: string, { readFile }: MountEdges): string {
  try {
    return readFile(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code;
    throw new KeymountError('settings-invalid', `${path} cannot be read`, { reason });
  }
}
