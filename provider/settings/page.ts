import { defaultText } from './help.ts';
import type { NamedKnob } from './knob.ts';
import { configKnob, namedKnobs } from './knobs.ts';

/** docs/settings.md, made by hack/gen-docs.ts. */
export function settingsPage(): string {
  const groups = Map.groupBy(namedKnobs, ({ path }) => (path.includes('.') ? groupOf(path) : ''));
  const sections = [...groups].map(([group, knobs]) =>
    group === '' ? section('General', [configKnob, ...knobs]) : section(titles[group] ?? `\`${group}\``, knobs),
  );
  return [intro, ...sections, connections].join('\n');
}

const titles: Readonly<Record<string, string>> = {
  log: 'Log',
  versionKeys: 'Keys of object versions',
  limits: 'Limits',
  proxy: 'Proxies',
  'dropIn.vault': 'Defaults and limits of Vault classes',
  'dropIn.openbao': 'Defaults and limits of OpenBao classes',
};

const intro = `<!-- Made by hack/gen-docs.ts from provider/settings/knobs.ts. Do not edit. -->

# Settings

Every setting can be a flag of \`keymount serve\`, an environment variable, or a key of the YAML file that \`--config\` names. A
flag goes before a variable, a variable before the file, the file before the variables of others (\`VAULT_ADDR\`, \`BAO_ADDR\`,
\`HTTPS_PROXY\`), those before the default. An empty value counts as not given.

A mistake stops the start: unknown flags, unknown \`KEYMOUNT_\` variables and unknown keys are refused with the nearest valid name,
and all mistakes are reported at once, each with its place. The settings are read once; restart keymount to change them. \`HTTPS_PROXY\`
and \`HTTP_PROXY\` are often set for others: where keymount cannot use one it says so, and only what needs that proxy fails.

Keys with a dot are nested in the file: \`log.level\` is \`level\` below \`log\`. Lists are repeated flags, commas, or YAML lists.
Durations are written as \`500ms\`, \`10s\`, \`1m30s\` or \`2h\`, sizes as bytes or with \`KiB\`, \`MiB\` or \`GiB\`.

\`VAULT_TOKEN\` and \`BAO_TOKEN\` are ignored, with a warning: keymount reads with the identity of each pod.
`;

const connections = `## Connections

\`connections\` of the file gives names to backends. A class chooses one by its name and cannot change what it says.

\`\`\`yaml
log:
  level: debug
connections:
  vault-prod:
    kind: vault
    address: https://vault.example:8200
    allow:
      - namespaces: [shop, "pay-*"]
        serviceAccounts: ["*"]
        methods: [GET, PUT]
\`\`\`

| Key | Meaning |
| --- | --- |
| \`kind\` | The backend. Required. |
| \`allow\` | Who may use the connection: a list of rules with \`namespaces\`, \`serviceAccounts\` and \`secrets\`, each a list of patterns in which \`*\` stands for any run of characters, and \`methods\` (\`[GET]\`). One rule must match in all that it names. A connection whose identity is not the pod's own serves nobody without it. |

All other keys belong to the backend. A number that would not print as it was written, such as \`0400\` or \`1.10\`, is taken as text.
`;

function groupOf(path: string): string {
  const parts = path.split('.');
  return parts[0] === 'dropIn' ? parts.slice(0, 2).join('.') : (parts[0] ?? '');
}

function section(title: string, knobs: readonly NamedKnob[]): string {
  const rows = knobs.map(
    (named) =>
      `| ${named.path === '' ? '' : code(named.path)} | ${code(`--${named.flag}`)} | ${code(named.variable)} | ${takes(named)} | ${defaultOf(named)} | ${cell(named.knob.about)} |`,
  );
  return [
    `## ${title}`,
    '',
    '| Key | Flag | Variable | Takes | Default | Meaning |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function takes({ knob }: NamedKnob): string {
  return knob.kind.form.replaceAll('|', ', ').replace(/(.+),\.\.\.$/, 'list of $1');
}

function defaultOf({ knob }: NamedKnob): string {
  const shown = defaultText(knob.default, knob.kind.show);
  const parts = [...(knob.variables ?? []), ...(shown === undefined ? [] : [shown])];
  return parts.map(code).join(', else ');
}

function code(text: string): string {
  return `\`${cell(text)}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
