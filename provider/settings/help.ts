import type { NamedKnob } from './knob.ts';
import { configKnob, namedKnobs } from './knobs.ts';

const width = 100;
const indent = '      ';

/** The text of `keymount serve --help`: every flag with what it takes, its variable and its default. Ends with a line end. */
export function serveHelp(): string {
  const seen = new Set<string>();
  const flags = [configKnob, ...namedKnobs].filter(({ flag }) => !seen.has(flag) && seen.add(flag));
  return [
    'Usage: keymount serve [--config FILE] [FLAG]...',
    '',
    'Answers the Secrets Store CSI driver on this node.',
    '',
    'Every flag is also a variable (--log-level: KEYMOUNT_LOG_LEVEL), and all but --config a key of the',
    'configuration file (log.level). A flag goes before a variable, a variable before the file.',
    '',
    ...flags.flatMap(flagHelp),
    '',
  ].join('\n');
}

function flagHelp(named: NamedKnob): string[] {
  const { knob, flag } = named;
  const form = knob.kind.alone ? `[=true|false]` : ` <${knob.kind.form}>`;
  return [`  --${flag}${form}`, ...wrap(`${knob.about} ${defaultHelp(named)}`.replaceAll('`', ''))];
}

function defaultHelp({ knob }: NamedKnob): string {
  const parts = [...(knob.variables ?? []).map((name) => `$${name}`)];
  const shown = defaultText(knob.default, knob.kind.show);
  if (shown !== undefined) parts.push(shown);
  return parts.length === 0 ? '' : `[default: ${parts.join(', else ')}]`;
}

/** A default as a user would write it; undefined if there is none. */
export function defaultText(value: unknown, show: (value: unknown) => string): string | undefined {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
  return show(value);
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.trim().split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = '';
    }
    line += (line === '' ? '' : ' ') + word;
  }
  return [...lines, indent + line];
}
