import { KeymountError } from '../errors.ts';

/** Where a setting was given; `pair`: it is fine by itself, but not with another. */
export type Origin = 'flag' | 'variable' | 'file' | 'pair';

/** One mistake of the admin. It never holds the value that was given: a proxy or an address may carry a password. */
export interface Problem {
  readonly origin: Origin;
  /** `--log-level`, `KEYMOUNT_LOG_LEVEL`, `/etc/keymount/config.yaml:3 log.level`. */
  readonly from: string;
  /** Position in the arguments, or line of the file. */
  readonly order: number;
  readonly message: string;
}

const origins: readonly Origin[] = ['flag', 'variable', 'file', 'pair'];

/** All problems as one error: flags in their order, variables, then the file line by line; each once. */
export function settingsInvalid(problems: readonly Problem[]): KeymountError {
  const sorted = problems.toSorted(
    (a, b) => origins.indexOf(a.origin) - origins.indexOf(b.origin) || a.order - b.order || (a.from < b.from ? -1 : 1),
  );
  const lines = [...new Set(sorted.map((problem) => `${problem.from}: ${problem.message}`))];
  const count = lines.length === 1 ? 'the settings have a mistake' : `the settings have ${lines.length} mistakes`;
  return new KeymountError('settings-invalid', [count, ...lines.map((line) => `- ${line}`)].join('\n'));
}
