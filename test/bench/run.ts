import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { type BenchLab, startBenchLab } from './bench-lab.ts';
import { inventedReply, recordedReply } from './constant-reply.ts';
import { constantContestant, keymountContestant, keymountProgram, type StartContestant } from './contestant.ts';
import { type BenchOptions, benchOptions, type ContestantName, contestantNames, usage } from './options.ts';
import type { Figures, Scenario } from './scenario.ts';
import { scenarios } from './scenarios/all.ts';
import { medians, table } from './table.ts';

/** `npm run bench`: keymount beside a handler that does nothing, in turns on one machine, as markdown tables. */

type Runs = Record<string, Figures[]>;

async function bench(options: BenchOptions): Promise<void> {
  const program = options.contestants.includes('keymount') ? keymountProgram(options) : '';
  const lab = await startBenchLab();
  const all: Record<string, Runs> = {};
  try {
    console.log(heading(options));
    for (const scenario of scenarios.filter((each) => isWanted(each, options))) {
      const runs = await runScenario(scenario, lab, program, options);
      all[scenario.name] = runs;
      const columns = Object.entries(runs).map(([name, figures]): [string, Figures] => [name, medians(figures)]);
      console.log(`\n## ${scenario.name}\n\n${scenario.about}\n\n${table(columns)}`);
    }
  } finally {
    await lab.stop();
  }
  if (options.json) writeFileSync(options.json, `${JSON.stringify({ options, scenarios: all }, null, 2)}\n`);
}

function isWanted({ name, contestants = contestantNames }: Scenario, options: BenchOptions): boolean {
  return options.scenarios.includes(name) && options.contestants.some((each) => contestants.includes(each));
}

async function runScenario(scenario: Scenario, lab: BenchLab, program: string, options: BenchOptions): Promise<Runs> {
  await scenario.seed(lab.bao);
  const clouds = await Promise.all((scenario.clouds ?? []).map((name) => lab.clouds.get(name)));
  const environment = Object.assign({}, ...clouds.map((cloud) => cloud.environment)) as Record<string, string>;
  const contestants = await contestantsOf(
    scenario,
    lab,
    keymountContestant(lab, program, options, environment),
    options,
  );
  const runs: Runs = Object.fromEntries(contestants.map(([name]) => [name, []]));
  const most = Math.min(options.runs, scenario.mostRuns ?? options.runs);
  for (let run = 1; run <= most; run += 1) {
    // in turns, and every other time the other way round: what the machine does besides must hit both
    for (const [name, start] of run % 2 === 0 ? contestants.toReversed() : contestants) {
      process.stderr.write(`${scenario.name}: ${name}, run ${run} of ${most}\n`);
      runs[name]?.push(await scenario.run(start, lab));
    }
  }
  return runs;
}

async function contestantsOf(
  scenario: Scenario,
  lab: BenchLab,
  keymount: StartContestant,
  options: BenchOptions,
): Promise<[ContestantName, StartContestant][]> {
  const found: [ContestantName, StartContestant][] = [];
  for (const name of options.contestants) {
    if (scenario.contestants?.includes(name) === false) continue;
    if (name === 'keymount') {
      found.push([name, keymount]);
      continue;
    }
    const compared = options.contestants.includes('keymount');
    const reply = compared ? await recordedReply(keymount, lab, scenario.workload) : inventedReply(scenario.workload);
    found.push([name, await constantContestant(reply, options)]);
  }
  return found;
}

function heading({ source, nodeFlags, runs }: BenchOptions): string {
  const program = source ? 'provider/main.ts' : 'dist/keymount.cjs';
  const flags = nodeFlags.length > 0 ? nodeFlags.join(' ') : 'no flags';
  return `# Benchmark

Medians of ${runs} runs. ${program}, Node ${process.version} with ${flags}; ${cpus().length} CPUs (${cpus()[0]?.model.trim()}),
which OpenBao, the proxy and the load client share. "constant" answers the same files from memory and does nothing else.
Absolute figures swing with the machine; ratios hold.`;
}

const args = process.argv.slice(2);
try {
  if (args.includes('--help')) console.log(usage);
  else await bench(benchOptions(args));
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
