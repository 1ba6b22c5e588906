import { cpSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type DialectName, dialectNames } from '../../provider/plan/plan.ts';
import { type MountFailure, type MountReply, openClient } from '../lab/grpc-client.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { type FuzzMount, fuzzMounts } from './fuzz-mounts.ts';
import { type FuzzedProcess, startFuzzed } from './fuzz-process.ts';
import { startOddVault } from './odd-vault.ts';
import { sampleProcess } from './process-sample.ts';

/**
 * `node test/bench/fuzz.ts --mounts 1000000`: malformed and odd Mounts against dist/keymount.cjs with the image's flags, and a Vault
 * that answers oddly. Exit code 1 if the process ended, answered `internal`, left a Mount unanswered or went on growing.
 */

const usage = `usage: node test/bench/fuzz.ts [--mounts N] [--in-flight N] [--seed N] [--every N] [--program FILE]

  --mounts N      how many (100,000)
  --in-flight N   at a time (64; keymount refuses more than 256)
  --seed N        the same Mounts for the same seed (1)
  --every N       a line of figures after so many Mounts (50,000)
  --program FILE  instead of dist/keymount.cjs
  --node-flags F  more flags of Node, such as --heapsnapshot-signal=SIGUSR2
`;

interface Options {
  readonly mounts: number;
  readonly inFlight: number;
  readonly seed: number;
  readonly every: number;
  readonly program: string;
  readonly nodeFlags: string[];
}

/** Growth of RSS from the middle to the end of which is said that it is none. */
const tolerance = 1.1;

/** Mounts with an answer that no Mount should get. */
const mostShown = 10;

async function fuzz(options: Options): Promise<boolean> {
  const vault = await startOddVault();
  const keymount = await startFuzzed(programOf(options.program), vault, options.nodeFlags);
  console.log(`seed ${options.seed}, ${options.mounts} Mounts, ${options.inFlight} in flight, Node ${process.version}`);
  const run = new Run(keymount, options);
  const mounts = fuzzMounts(options.seed, vault);
  await Promise.all(Array.from({ length: options.inFlight }, () => run.work(mounts)));
  const sound = await run.conclude();
  await keymount.stop();
  await vault.close();
  return sound;
}

class Run {
  readonly #keymount: FuzzedProcess;
  readonly #options: Options;
  readonly #clients;
  readonly #codes = new Map<string, number>();
  readonly #rss = new Map<number, number>();
  #begun = 0;
  #done = 0;
  #slowest = 0;
  #shown = 0;
  #since = performance.now();

  constructor(keymount: FuzzedProcess, options: Options) {
    this.#keymount = keymount;
    this.#options = options;
    this.#clients = new Map(dialectNames.map((name) => [name, openClient(keymount.socket(name))]));
  }

  /** Mounts one after the other, until there were enough or the process is gone. */
  async work(mounts: Generator<FuzzMount>): Promise<void> {
    while (this.#begun < this.#options.mounts && this.#keymount.isAlive()) {
      this.#begun++;
      const next = mounts.next().value as FuzzMount;
      const start = performance.now();
      const outcome = await this.#mount(next);
      this.#slowest = Math.max(this.#slowest, performance.now() - start);
      const code = codeOf(outcome);
      this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
      if (isDefect(code) && this.#shown++ < mostShown) console.log(`${code}: ${JSON.stringify(next).slice(0, 300)}`);
      this.#done++;
      await this.#tell();
    }
  }

  async #mount({ dialect, attributes, secrets, permission }: FuzzMount): Promise<MountReply | MountFailure> {
    const client = this.#clients.get(dialect as DialectName);
    if (client === undefined) throw new Error(`no client for ${dialect}`);
    return await client.mount(attributes, { secrets, permission, deadline: 20_000 });
  }

  async #tell(): Promise<void> {
    const { every, mounts } = this.#options;
    const done = this.#done;
    for (const percent of [10, 50, 100])
      if (done === Math.ceil((mounts * percent) / 100)) this.#rss.set(percent, this.#rssNow());
    if (done % every !== 0) return;
    const now = performance.now();
    const rate = Math.round(every / ((now - this.#since) / 1000));
    this.#since = now;
    const slowest = Math.round(this.#slowest);
    this.#slowest = 0;
    const metrics = await this.#keymount.metrics().catch(() => new Map<string, number>());
    const heap = ((metrics.get('nodejs_heap_size_used_bytes') ?? 0) / 2 ** 20).toFixed(1);
    const rss = this.#rssNow().toFixed(1);
    console.log(
      `${done}: ${rate} Mounts/s, slowest ${slowest} ms, RSS ${rss} MiB, heap ${heap} MiB, ${gaugesOf(metrics)}`,
    );
    console.log(`  ${counts(this.#codes)}`);
  }

  #rssNow(): number {
    return this.#keymount.isAlive() ? sampleProcess(this.#keymount.pid).rssMiB : Number.NaN;
  }

  /** A last look: a good Mount works, nothing is in flight, memory did not go on growing. */
  async conclude(): Promise<boolean> {
    const last = await this.#clients.get('vault')?.mount('{}', { deadline: 5_000 });
    const alive = this.#keymount.isAlive() && last !== undefined && codeOf(last) !== 'DEADLINE_EXCEEDED';
    for (const client of this.#clients.values()) client.close();
    const inFlight = alive ? (await this.#keymount.metrics()).get('keymount_mounts_in_flight') : undefined;
    const [early = 0, middle = 0, late = 0] = [10, 50, 100].map((percent) => this.#rss.get(percent));
    const flat = late <= middle * tolerance;
    console.log(`alive: ${alive ? 'yes' : 'no'}, in flight: ${inFlight}`);
    console.log(
      `RSS at 10 %, 50 %, 100 %: ${[early, middle, late].map((mib) => mib.toFixed(1)).join(', ')} MiB, ${flat ? 'flat' : 'growing'}`,
    );
    console.log(`answers: ${counts(this.#codes)}`);
    const sound = ![...this.#codes.keys()].some(isDefect);
    if (!alive || !sound) console.log(this.#keymount.lastWords());
    return alive && sound && flat && inFlight === 0;
  }
}

/** keymount's own code where the message has one. */
function codeOf(outcome: MountReply | MountFailure): string {
  if (!('code' in outcome)) return 'ok';
  return /\[([a-z]+(?:-[a-z]+)*)\](?= \||$)/.exec(outcome.message)?.[1] ?? outcome.code;
}

function isDefect(code: string): boolean {
  return code === 'internal' || /^(?:INTERNAL|UNKNOWN|DEADLINE_EXCEEDED|UNAVAILABLE)$/.test(code);
}

function counts(codes: ReadonlyMap<string, number>): string {
  return [...codes]
    .sort(([, a], [, b]) => b - a)
    .map(([code, count]) => `${code} ${count}`)
    .join(', ');
}

function gaugesOf(metrics: ReadonlyMap<string, number>): string {
  const names = ['pod_sessions', 'account_sessions', 'secrets', 'leases'];
  return names.map((name) => `${name} ${metrics.get(`keymount_${name}`) ?? '?'}`).join(', ');
}

/** A copy, so that a build during the run changes nothing. */
function programOf(program: string): string {
  if (!existsSync(program)) throw new Error(`there is no ${program}: run npm run build`);
  const folder = scratchFolder('dist');
  cpSync(fileURLToPath(new URL('.', `file://${program}`)), folder, { recursive: true });
  return `${folder}/${program.split('/').at(-1)}`;
}

function optionsOf(args: string[]): Options {
  const text = (value: string) => ({ type: 'string', default: value }) as const;
  const options = {
    mounts: text('100000'),
    'in-flight': text('64'),
    seed: text('1'),
    every: text('50000'),
    program: text(fileURLToPath(new URL('../../dist/keymount.cjs', import.meta.url))),
    'node-flags': text(''),
  };
  const { values } = parseArgs({ args, options });
  const number = (name: 'mounts' | 'in-flight' | 'seed' | 'every') => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value > 0) return value;
    throw new Error(`--${name} ${values[name]}\n\n${usage}`);
  };
  return {
    mounts: number('mounts'),
    inFlight: number('in-flight'),
    seed: number('seed'),
    every: number('every'),
    program: values.program,
    nodeFlags: values['node-flags'].split(' ').filter(Boolean),
  };
}

try {
  if (!(await fuzz(optionsOf(process.argv.slice(2))))) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`fuzz: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
