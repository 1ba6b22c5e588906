import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type Document, parseAllDocuments } from 'yaml';
import type { DialectName } from '../../provider/plan/plan.ts';
import { Connections } from '../../provider/sessions/connections.ts';
import { type Parameters, planOf, warningsOf } from '../unit/plan/a-class.ts';
import { load } from '../unit/settings/loading.ts';
import { blocksOf, pages, placeOf, readPage, repository } from './page.ts';

interface KubeObject {
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

/** A YAML text of a page or a manifest. */
interface Example {
  readonly place: string;
  readonly text: string;
  readonly marks: Readonly<Record<string, string>>;
}

const blocks: Example[] = pages
  .flatMap((page) => blocksOf(page))
  .filter(({ language }) => language === 'yaml')
  // these are refused, and docs/errors.md shows how: errors.test.ts
  .filter(({ marks }) => marks['class'] === undefined)
  .map((block) => ({ place: placeOf(block), text: block.text, marks: block.marks }));

const manifests: Example[] = readdirSync(`${repository}/manifests`, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.ya?ml$/.test(name))
  .map((name) => ({ place: `manifests/${name}`, text: readPage(`manifests/${name}`), marks: {} }));

describe('every YAML example', () => {
  for (const example of [...blocks, ...manifests]) {
    it(`is what it says it is: ${example.place}`, () => check(example));
  }
});

async function check({ place, text, marks }: Example): Promise<void> {
  const documents = parseAllDocuments(text) as Document.Parsed[];
  assert.deepEqual(
    documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]),
    [],
  );
  const objects = documents.map((document) => document.toJS() as KubeObject & { connections?: unknown });
  const provider = marks['provider'];
  if (provider !== undefined) checkClass(provider, objects[0] as unknown as Parameters);
  else if (marks['config'] !== undefined || objects[0]?.connections !== undefined) await checkConfig(text);
  else for (const object of objects) await checkObject(object, place);
}

async function checkObject({ kind, spec, data }: KubeObject, place: string): Promise<void> {
  if (kind === 'SecretProviderClass') {
    const { provider, parameters, secretObjects } = spec as ClassSpec;
    const files = checkClass(provider, parameters);
    const named = (secretObjects ?? []).flatMap((secret) => secret.data.map(({ objectName }) => objectName));
    assert.deepEqual(
      named.filter((name) => !files.includes(name)),
      [],
      'secretObjects name files that the class does not have',
    );
  } else if (kind === 'ConfigMap' && data?.['config.yaml'] !== undefined) await checkConfig(data['config.yaml']);
  else if (kind !== undefined) checkVolumes(JSON.stringify(spec ?? {}), place);
}

interface ClassSpec {
  readonly provider: string;
  readonly parameters: Parameters;
  readonly secretObjects?: readonly { readonly data: readonly { readonly objectName: string }[] }[];
}

/** Its author would not want even a warning. The paths of its files. */
function checkClass(provider: string, parameters: Parameters): string[] {
  const dialect = provider as DialectName;
  assert.ok(
    Object.values(parameters).every((value) => typeof value === 'string'),
    'parameters are texts',
  );
  assert.deepEqual(warningsOf(dialect, parameters), []);
  return planOf(dialect, parameters).outputs.map(({ path }) => path);
}

/** Settings and connections as `keymount serve` checks them at its start. */
async function checkConfig(text: string): Promise<void> {
  const { settings, warnings } = load({ file: text });
  assert.deepEqual(warnings, []);
  await Connections.open(settings);
}

/** A pod of manifests/examples mounts a class that is in its folder. */
function checkVolumes(spec: string, place: string): void {
  if (!place.startsWith('manifests/examples/')) return;
  const folder = place.slice(0, place.lastIndexOf('/'));
  const classes = manifests
    .filter((other) => other.place.startsWith(`${folder}/`))
    .flatMap(({ text }) => parseAllDocuments(text).map((document) => document.toJS() as KubeObject))
    .filter(({ kind }) => kind === 'SecretProviderClass');
  for (const [, name] of spec.matchAll(/"secretProviderClass":"([^"]+)"/g)) {
    assert.ok(
      classes.some(({ metadata }) => metadata?.name === name),
      `there is no class ${name} in ${folder}`,
    );
  }
}
