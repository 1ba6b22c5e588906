import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { startChild } from '../lab/child-process.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { need } from '../lab/tools.ts';
import type { BenchLab } from './bench-lab.ts';
import type { Running } from './contestant.ts';
import type { Workload } from './scenario.ts';

/** Of tokens, unless the workload names its own. */
export const vaultAudiences = ['vault', 'openbao'];

/** Mounts of each pod: `rounds` of them, `concurrency` pods at a time (0: all at once). */
export interface Phase {
  name: string;
  rounds: number;
  concurrency: number;
}

/** What mountbench measured in one phase (test/driver/cmd/mountbench/report.go). */
export interface PhaseReport {
  name: string;
  mounts: number;
  errors: number;
  error_texts?: Record<string, number>;
  p50_ms: number;
  p99_ms: number;
  wall_s: number;
  versions_changed: number;
  contents_changed: number;
  files: number;
  provider_cpu_s: number;
  backend_requests?: Record<string, number>;
  proc_after: ProcSample;
}

export interface ProcSample {
  rss_kib: number;
  peak_rss_kib: number;
  cpu_s: number;
}

export interface LoadReport {
  proc_before: ProcSample;
  phases: PhaseReport[];
}

/**
 * Mounts for all pods of the workload through the driver's own client, phase after phase. Throws if a Mount failed or a
 * secret that nobody changed came out differently, unless `faulty` says that this is part of the scenario. `counters` are those
 * of the backend in question, the lab's unless told.
 */
export async function mountLoad(
  target: Running,
  lab: BenchLab,
  workload: Workload,
  phases: Phase[],
  { faulty = false, counters = lab.counters } = {},
): Promise<LoadReport> {
  const folder = scratchFolder('load');
  writeFileSync(`${folder}/spec.json`, JSON.stringify(mountSpec(workload)));
  const child = await startChild(need('mountbench').mountbench, [
    ...['--socket', target.socket(workload.dialect ?? 'vault'), '--watch-pid', `${target.pid}`, '--counters', counters],
    ...['--spec', `${folder}/spec.json`, '--signing-key', lab.signingKey, '--issuer', lab.issuer.issuer],
    ...['--pods', `${workload.pods}`, '--objects', `${workload.objects}`, '--json', `${folder}/report.json`],
    // a volume is a tmpfs: the disk must not be part of the figures
    ...(existsSync('/dev/shm') ? ['--target-dir', '/dev/shm'] : []),
    ...phases.flatMap(({ name, rounds, concurrency }) => ['--phase', `${name}:${rounds}:${concurrency}`]),
  ]);
  if ((await child.ended) !== 0) throw new Error(`mountbench failed:\n${child.output()}`);
  const report = JSON.parse(readFileSync(`${folder}/report.json`, 'utf8')) as LoadReport;
  if (!faulty) for (const phase of report.phases) check(phase, workload);
  return report;
}

/** The phase of this name, or an Error. */
export function phaseOf(report: LoadReport, name: string): PhaseReport {
  const found = report.phases.find((phase) => phase.name === name);
  if (!found) throw new Error(`mountbench reported no phase ${name}`);
  return found;
}

function mountSpec({ serviceAccount, audiences = vaultAudiences, parameters, object }: Workload): object {
  return { serviceAccount, audiences, parameters, object };
}

/** Figures of wrong answers are worth nothing. */
function check(phase: PhaseReport, { pods, objects }: Workload): void {
  if (phase.errors > 0) {
    const some = Object.keys(phase.error_texts ?? {}).slice(0, 3);
    throw new Error(`${phase.errors} of ${phase.mounts} Mounts of ${phase.name} failed: ${some.join('\n')}`);
  }
  if (phase.files !== pods * objects) throw new Error(`${phase.name} left ${phase.files} files, not ${pods * objects}`);
  if (phase.versions_changed + phase.contents_changed > 0) throw new Error(`${phase.name} changed files or versions`);
}
