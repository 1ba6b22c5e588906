import { parseArgs } from 'node:util';
import { didYouMean } from '../util/nearest.ts';
import { type Gathered, type Given, splitList } from './given.ts';
import type { NamedKnob } from './knob.ts';
import type { Problem } from './problem.ts';

/** Flags of the Go providers that have another name here. */
const formerFlags = {
  endpoint: 'socket-dir',
  debug: 'log-level',
  'health-addr': 'http',
  'hmac-secret-name': 'version-keys-vault',
};

type Token = ReturnType<typeof tokensOf>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

/** Settings among the arguments, by flag without dashes. An empty value counts as not given. */
export function gatherFlags(argv: readonly string[], knobs: readonly NamedKnob[]): Gathered {
  const byFlag = new Map(knobs.map((named) => [named.flag, named.knob]));
  const given = new Map<string, Given>();
  const problems: Problem[] = [];
  const unknownAt = new Set<number>();

  for (const token of tokensOf(argv, knobs)) {
    const fail = (from: string, message: string) =>
      problems.push({ origin: 'flag', from, order: token.index, message });
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      // What follows an unknown flag is most likely its value.
      if (!unknownAt.has(token.index - 1))
        fail(`argument ${token.index + 1}`, 'is neither a flag nor the value of one');
      continue;
    }
    const knob = byFlag.get(token.name);
    if (knob === undefined) {
      fail(asWritten(argv, token), unknownFlag(argv, token, byFlag));
      unknownAt.add(token.index);
      continue;
    }
    const from = token.rawName;
    const before = given.get(token.name);
    if (token.value === undefined && !knob.kind.alone) fail(from, 'needs a value');
    else if (token.inlineValue === false && token.value?.startsWith('-')) {
      fail(from, `needs a value; one that begins with a dash is written ${from}=VALUE`);
    } else if (before !== undefined && !knob.kind.many) fail(from, 'is given more than once');
    else {
      const value = token.value ?? 'true';
      const texts = [...(before?.texts ?? []), ...(knob.kind.many ? splitList(value) : [value])];
      given.set(token.name, { texts, origin: 'flag', from, order: before?.order ?? token.index });
    }
  }
  return { given, problems };
}

function tokensOf(argv: readonly string[], knobs: readonly NamedKnob[]) {
  const options = Object.fromEntries(
    knobs.map(({ flag, knob }) => [flag, { type: knob.kind.alone ? ('boolean' as const) : ('string' as const) }]),
  );
  // parseArgs takes `-addr` for four short flags and miscounts what follows; there are no short flags, so it gets a long one.
  const args = argv.map((arg) => (/^-[^-]/.test(arg) ? `--${arg}` : arg));
  return parseArgs({ args, options, strict: false, tokens: true, allowPositionals: true }).tokens;
}

/** The argument without its value, which may be a secret. */
function asWritten(argv: readonly string[], token: OptionToken): string {
  return (argv[token.index] ?? token.rawName).split('=', 1)[0] ?? token.rawName;
}

function unknownFlag(argv: readonly string[], token: OptionToken, known: ReadonlyMap<string, unknown>): string {
  const name = asWritten(argv, token).replace(/^-{1,2}/, '');
  const dashed = (flag: string) => `--${flag}`;
  const mistakes = Object.fromEntries(
    Object.entries(formerFlags).map(([former, flag]) => [dashed(former), dashed(flag)]),
  );
  return `is not a known flag${didYouMean(dashed(name), [...known.keys()].map(dashed), mistakes)}`;
}
