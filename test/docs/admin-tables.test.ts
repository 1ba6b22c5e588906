import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { prepareHelp } from '../../provider/commands/prepare-options.ts';
import { configKnob, namedKnobs } from '../../provider/settings/knobs.ts';
import { createMetrics } from '../../provider/telemetry/metrics.ts';
import { load } from '../unit/settings/loading.ts';
import { codesOf, pages, readPage, tableRows } from './page.ts';

const install = readPage('docs/install.md');
const migration = readPage('docs/migration.md');

/** Flags of keymount, and of the programs beside it that the pages name. */
const flags = new Set([
  ...[configKnob, ...namedKnobs].map(({ flag }) => `--${flag}`),
  ...[...prepareHelp.matchAll(/--[a-z-]+/g)].map(([flag]) => flag),
  ...['--help', '--json', '--namespace', '--service-account', '--pod', '--pod-uid', '--token', '--class', '--out'],
]);
const others = [
  // of Node; the digit is no part of what is looked for
  '--disable-sigusr',
  '--max-call-recv-msg-size',
  '--rotation-poll-interval',
  '--enable-csi-integration',
  '--enable-csi-integration=true',
];

describe('the tables of docs/install.md', () => {
  it('have every metric of keymount with its labels', async () => {
    const metrics = createMetrics({ dialects: ['vault'], backends: ['vault'], version: '0', node: '0' });
    metrics.watchRotation(() => [{ namespace: 'shop', class: 'web', volumes: 1 }]);
    const text = await metrics.text();
    const real = [...text.matchAll(/^# TYPE (keymount_\w+) /gm)].map(([, name = '']) => {
      const sample = text.split('\n').find((line) => line.startsWith(`${name}{`) || line.startsWith(`${name}_bucket{`));
      const labels = [...(sample ?? '').matchAll(/(\w+)="/g)].map(([, label = '']) => label);
      return [
        name,
        labels
          .filter((label) => label !== 'le')
          .sort()
          .join(' '),
      ];
    });
    const told = tableRows(install, 'metric').map(([name = '', labels = '']) => [
      codesOf(name)[0],
      codesOf(labels).sort().join(' '),
    ]);
    assert.deepEqual(told.sort(), real.sort());
  });

  it('have the rules of manifests/install.yaml', () => {
    const roles = parseAllDocuments(readPage('manifests/install.yaml'))
      .map((document) => document.toJS() as { kind: string; rules?: { resources: string[]; verbs: string[] }[] })
      .filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole');
    const rules = roles.flatMap(({ rules: each = [] }) =>
      each.flatMap(({ resources, verbs }) => resources.map((resource) => `${resource}: ${verbs.join(', ')}`)),
    );
    const told = tableRows(install, 'rule').map(([rule = '']) => codesOf(rule)[0]);
    assert.deepEqual(told.sort(), rules.sort());
  });
});

describe('the tables of docs/migration.md and docs/versions.md', () => {
  it('lead every flag of the peers to one of keymount', () => {
    for (const [, , ours = ''] of tableRows(migration, 'vault-csi-provider')) {
      const named = codesOf(ours).flatMap((code) => /^--[a-z-]+/.exec(code) ?? []);
      assert.deepEqual(
        named.filter((flag) => !flags.has(flag)),
        [],
      );
    }
  });

  it('have the names of the Secrets with the keys', () => {
    const { versionKeys } = load().settings;
    const rows = tableRows(readPage('docs/versions.md'), 'classes');
    const told = rows.map(([, secret = '', setting = '']) => [codesOf(setting)[0], codesOf(secret)[0]]);
    assert.deepEqual(told, [
      ['versionKeys.vault', versionKeys.vault],
      ['versionKeys.openbao', versionKeys.openbao],
      ['versionKeys.keymount', versionKeys.keymount],
    ]);
  });
});

describe('the pages', () => {
  for (const page of pages.filter((each) => each !== 'docs/settings.md')) {
    it(`name only flags that there are: ${page}`, () => {
      const text = readPage(page).replace(/^```.*?^```$/gms, '');
      const named = codesOf(text).flatMap((code) => /^--[a-z][a-z-]+/.exec(code) ?? []);
      assert.deepEqual(
        named.filter((flag) => !flags.has(flag) && !others.includes(flag)),
        [],
      );
    });
  }
});
