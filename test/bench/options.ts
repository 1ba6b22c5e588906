import { parseArgs } from 'node:util';
import { scenarios } from './scenarios/all.ts';

export const contestantNames = ['keymount', 'constant'] as const;
export type ContestantName = (typeof contestantNames)[number];

export interface BenchOptions {
  /** How often each contestant runs; the table shows medians. */
  runs: number;
  /** Names of scenarios, in the order of scenarios/all.ts. */
  scenarios: string[];
  contestants: ContestantName[];
  /** Run provider/main.ts instead of the bundle. */
  source: boolean;
  /** Flags of Node for every contestant. */
  nodeFlags: string[];
  /** Where to write every figure of every run as JSON. */
  json: string | undefined;
}

/**
 * What image (Dockerfile) and benchmark give to Node. Of the flags tried on a prototype of 3,410 Mounts, these kept memory lowest (65
 * MiB idle, 95 after; 67 and 156 without) for 20 % more CPU.
 */
export const v8Flags = ['--disable-sigusr1', '--optimize-for-size', '--max-semi-space-size=1', '--v8-pool-size=1'];

/**
 * What both set for the C library's allocator: a few arenas instead of one a thread, and memory that is given back. It saves 5 MiB
 * after a storm and costs no time.
 */
export const mallocSettings = { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '131072' };

export const usage = `usage: npm run bench -- [options]

  --runs N            runs of each contestant, in turns; the table shows medians (3)
  --scenario NAME     only this one, repeatable: ${scenarios.map(({ name }) => name).join(', ')}
  --only CONTESTANT   ${contestantNames.join(' or ')}, instead of both
  --source            run provider/main.ts, not dist/keymount.cjs
  --node-flags FLAGS  instead of "${v8Flags.join(' ')}"; "" is none
  --json FILE         every figure of every run
`;

/** Throws an Error that holds the usage where the arguments are wrong. */
export function benchOptions(args: string[]): BenchOptions {
  const { values } = parse(args);
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs}\n\n${usage}`);
  const chosen = values.scenario ?? scenarios.map(({ name }) => name);
  for (const name of chosen) {
    if (!scenarios.some((scenario) => scenario.name === name)) throw new Error(`--scenario ${name}\n\n${usage}`);
  }
  const only = contestantNames.find((name) => name === values.only);
  if (values.only !== undefined && only === undefined) throw new Error(`--only ${values.only}\n\n${usage}`);
  return {
    runs,
    scenarios: chosen,
    contestants: only === undefined ? [...contestantNames] : [only],
    source: values.source,
    nodeFlags: values['node-flags'] === undefined ? v8Flags : values['node-flags'].split(' ').filter(Boolean),
    json: values.json,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        runs: { type: 'string', default: '3' },
        scenario: { type: 'string', multiple: true },
        only: { type: 'string' },
        source: { type: 'boolean', default: false },
        'node-flags': { type: 'string' },
        json: { type: 'string' },
      },
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${usage}`);
  }
}
