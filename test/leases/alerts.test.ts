import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { type Keymount, startKeymount } from '../e2e/keymount.ts';

interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: { summary: string; description: string };
}

const file = fileURLToPath(new URL('../../manifests/alerts/keymount.yaml', import.meta.url));
const manifest = parse(readFileSync(file, 'utf8')) as {
  kind: string;
  spec: { groups: { name: string; rules: Rule[] }[] };
};
const rules = manifest.spec.groups.flatMap((group) => group.rules);
/** What an expression reads: names, with the labels that it asks for. */
const selectorsOf = ({ expr }: Rule) =>
  [...expr.matchAll(/\b(keymount_\w+)(?:\{([^}]*)\})?/g)].map(([, name = '', labels = '']) => ({
    name,
    labels: [...labels.matchAll(/(\w+)(=|!=)"([^"]*)"/g)].map(([, label = '', operator = '', value = '']) => {
      return { label, operator, value };
    }),
  }));

describe('the alert rules', () => {
  let keymount: Keymount;
  let samples: string[];
  before(async () => {
    keymount = await startKeymount();
    samples = (await keymount.get('/metrics')).body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  });
  after(() => keymount.stop());

  it('are a PrometheusRule with one alert for each thing that an operator must know', () => {
    assert.equal(manifest.kind, 'PrometheusRule');
    const names = rules.map(({ alert }) => alert);
    assert.equal(new Set(names).size, names.length);
    for (const wanted of ['RotationFailing', 'CredentialNearEnd', 'RevocationFailing', 'ServerAway']) {
      assert.ok(names.includes(`Keymount${wanted}`), wanted);
    }
  });

  for (const rule of rules) {
    it(`ask for what keymount's metrics have: ${rule.alert}`, () => {
      const selectors = selectorsOf(rule);
      assert.ok(selectors.length > 0);
      for (const { name, labels } of selectors) {
        // it has a series for each class that is mounted, so none at the start
        if (name === 'keymount_rotation_failing') continue;
        const ofName = samples.filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
        assert.ok(ofName.length > 0, `there is no ${name}`);
        for (const { label, operator, value } of labels) {
          assert.ok(
            ofName.some((line) => line.includes(`${label}="`)),
            `${name} has no ${label}`,
          );
          if (operator === '=')
            assert.ok(
              ofName.some((line) => line.includes(`${label}="${value}"`)),
              `${name} never has ${value}`,
            );
        }
      }
    });

    it(`say how urgent it is, what it means, and nothing that no label gives: ${rule.alert}`, () => {
      assert.match(rule.labels.severity, /^(warning|critical)$/);
      assert.match(rule.for ?? '0m', /^\d+m$/);
      const { summary, description } = rule.annotations;
      assert.ok(description.length > 20);
      for (const [, label = ''] of summary.matchAll(/\$labels\.(\w+)/g)) {
        assert.ok(['instance', 'namespace', 'class'].includes(label), label);
      }
      const opened = [...rule.expr.matchAll(/\(/g)].length;
      assert.equal(opened, [...rule.expr.matchAll(/\)/g)].length);
    });
  }

  it('are told in docs/leases.md, each with what to do', () => {
    const page = readFileSync(fileURLToPath(new URL('../../docs/leases.md', import.meta.url)), 'utf8');
    const told = [...page.matchAll(/^\| `(Keymount\w+)` \|/gm)].map(([, name]) => name);
    assert.deepEqual(told.sort(), rules.map(({ alert }) => alert).sort());
  });

  it('do not fire for a keymount that has nothing', () => {
    const of = (name: string) => samples.find((line) => line.startsWith(`${name} `))?.split(' ')[1];
    assert.equal(of('keymount_leases_overdue'), '0');
    assert.equal(of('keymount_revocations_pending'), '0');
    assert.equal(of('keymount_servers_away'), '0');
    assert.equal(of('keymount_lease_first_end_seconds'), '+Inf');
  });
});
