import { runPrepare } from '../../../provider/commands/prepare.ts';
import type { Clock } from '../../../provider/util/clock.ts';

/** What `keymount prepare` is told. */
export interface PrepareArgs {
  providersDirs: readonly string[];
  stateDir?: string | undefined;
  dialects: readonly string[];
  uid: number;
  takeover?: boolean;
  wait?: string;
  keep?: boolean;
  remove?: boolean;
}

export interface PrepareRun {
  clock?: Clock;
  print?: (text: string) => void;
  stop?: AbortSignal;
}

/** Runs `keymount prepare` with these arguments. */
export async function prepareWith(
  args: PrepareArgs,
  { print = () => {}, stop, clock }: PrepareRun = {},
): Promise<number> {
  const argv = [
    ...args.providersDirs.map((dir) => `--providers-dir=${dir}`),
    ...(args.stateDir === undefined ? [] : [`--state-dir=${args.stateDir}`]),
    `--providers=${args.dialects.join(',')}`,
    `--uid=${args.uid}`,
    ...(args.wait === undefined ? [] : [`--wait=${args.wait}`]),
    ...(['takeover', 'keep', 'remove'] as const).flatMap((flag) => (args[flag] === true ? [`--${flag}`] : [])),
  ];
  const use = { print, stop: stop ?? new AbortController().signal };
  return await runPrepare(argv, clock === undefined ? use : { ...use, clock });
}
