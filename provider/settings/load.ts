import { allowChanges } from './allow-changes.ts';
import { type ConfigFile, gatherFile, noConfigFile } from './config-file.ts';
import { readConnections } from './connections.ts';
import { deepFreeze } from './deep-freeze.ts';
import { type Environment, foreignVariable, gatherVariables, ignoredVariables } from './environment.ts';
import { gatherFlags } from './flags.ts';
import type { Gathered, Given } from './given.ts';
import { type AnyKnob, isKnob, type KnobTree, type NamedKnob, nameKnob } from './knob.ts';
import { configKnob, knobs, namedKnobs } from './knobs.ts';
import { type Problem, settingsInvalid } from './problem.ts';
import type { Settings } from './settings.ts';

export interface SettingsInput {
  /** The arguments after the command. */
  readonly argv: readonly string[];
  readonly env: Environment;
  /** Throws what node:fs throws. */
  readonly readFile: (path: string) => string;
}

export interface LoadedSettings {
  /** Deeply frozen. */
  readonly settings: Settings;
  /** What an admin should know but need not mend; one sentence each, without values. */
  readonly warnings: readonly string[];
  /** The place of a path in the configuration file, for mistakes found later: `['connections', name, 'tls']`. */
  readonly placeOf: ConfigFile['placeOf'];
}

/**
 * Flags, then KEYMOUNT_* variables, then the configuration file, then VAULT_*, BAO_* and proxy variables, then defaults. Throws
 * one `settings-invalid` that lists every mistake with where it was made.
 */
export function loadSettings({ argv, env, readFile }: SettingsInput): LoadedSettings {
  const all = [configKnob, ...namedKnobs];
  const flags = gatherFlags(argv, all);
  const variables = gatherVariables(env, all);
  const problems: Problem[] = [...flags.problems, ...variables.problems];
  const warnings: string[] = [];

  const origins = { flags, variables, env };
  const settle = (named: NamedKnob, file: Gathered) => settleKnob(named, { ...origins, file }, problems, warnings);
  const configPath = settle(configKnob, noConfigFile) as string | undefined;
  const file = configPath === undefined ? noConfigFile : readConfigFile(configPath, { readFile, flags, problems });
  const { connections, problems: connectionProblems } = readConnections(file);
  problems.push(...file.problems, ...connectionProblems);

  // The tree of knobs has the shape of the settings, each leaf a knob of its type (KnobsOf).
  const values = settleTree(knobs, '', (named) => settle(named, file)) as Omit<Settings, 'connections'>;
  const settings: Settings = { ...values, connections };
  // A value that could not be read would look like an absent one.
  if (problems.length === 0) problems.push(...pairProblems(settings));
  if (problems.length > 0) throw settingsInvalid(problems);
  return deepFreeze({ settings, warnings: [...warnings, ...warningsOf(settings, env)], placeOf: file.placeOf });
}

interface Origins {
  readonly flags: Gathered;
  readonly variables: Gathered;
  readonly file: Gathered;
  readonly env: Environment;
}

/** Every mention of a setting is checked, also one that another overrides; the first one counts. */
function settleKnob(
  named: NamedKnob,
  { flags, variables, file, env }: Origins,
  problems: Problem[],
  warnings: string[],
): unknown {
  const { knob } = named;
  const given = [flags.given.get(named.flag), variables.given.get(named.variable), file.given.get(named.path)].filter(
    (each) => each !== undefined && !isEmpty(each),
  ) as Given[];
  if (given.length === 0) {
    const foreign = foreignVariable(env, named);
    if (foreign !== undefined) {
      const read = knob.kind.read(foreign.texts);
      if (knob.inherited && 'problem' in read) {
        warnings.push(`${foreign.from} ${read.problem}; what needs it fails`);
        return foreign.texts[0];
      }
      given.push(foreign);
    }
  }
  let value = knob.default;
  for (const each of given.toReversed()) {
    const read = knob.kind.read(each.texts);
    if ('value' in read) value = read.value;
    else problems.push({ origin: each.origin, from: each.from, order: each.order, message: read.problem });
  }
  return value;
}

/** `--http=` and `--allowed-addresses=` say nothing; only the file can say "an empty list". */
function isEmpty({ texts, origin }: Given): boolean {
  return texts.length === 0 ? origin !== 'file' : texts.every((text) => text === '');
}

function settleTree(tree: KnobTree | AnyKnob, path: string, settle: (named: NamedKnob) => unknown): unknown {
  if (isKnob(tree)) return settle(nameKnob(tree, path));
  const prefix = path === '' ? '' : `${path}.`;
  return Object.fromEntries(
    Object.entries(tree).map(([name, node]) => [name, settleTree(node, prefix + name, settle)]),
  );
}

function readConfigFile(
  path: string,
  { readFile, flags, problems }: { readFile: SettingsInput['readFile']; flags: Gathered; problems: Problem[] },
): ConfigFile {
  let text: string;
  try {
    text = readFile(path);
  } catch (thrown) {
    const flag = flags.given.get(configKnob.flag);
    const where = flag ?? { origin: 'variable' as const, from: configKnob.variable, order: 0 };
    const code = (thrown as NodeJS.ErrnoException).code ?? 'no reason given';
    problems.push({ ...where, message: `the file cannot be read (${code})` });
    return noConfigFile;
  }
  return gatherFile(path, text, knobs);
}

/** What is wrong only with two settings together. */
function pairProblems({ dropIn, socketDir, stateDir }: Settings): Problem[] {
  const problems: Problem[] = [];
  const fail = (from: string, message: string) => problems.push({ origin: 'pair', from, order: 0, message });
  for (const dialect of ['vault', 'openbao'] as const) {
    const { cert, key } = dropIn[dialect].tls;
    if ((cert === undefined) === (key === undefined)) continue;
    const [has, lacks] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    const flag = `--${dialect}-tls-client-${lacks}`;
    fail(`dropIn.${dialect}.tls`, `has ${has} but not ${lacks} (${flag}); a client certificate needs both`);
  }
  if (socketDir === stateDir) fail('stateDir', 'must be another directory than socketDir');
  return problems;
}

function warningsOf({ dropIn, connections }: Settings, env: Environment): string[] {
  const unverified = (['vault', 'openbao'] as const)
    .filter((dialect) => dropIn[dialect].tls.skipVerify)
    .map((dialect) => `dropIn.${dialect}.tls.skipVerify is on: the certificate of the server is not verified`);
  return [...unverified, ...allowChanges(connections), ...ignoredVariables(env)];
}
