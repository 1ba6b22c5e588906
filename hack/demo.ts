// A pod's volume, mounted and rotated, in about a second and without a cluster: `npm run demo`. keymount runs as it does on a
// node; the parts of the CSI driver and of an app are played by the files in hack/demo. The exit code says whether all of it
// happened. Nothing is left behind.
import { existsSync, mkdtempSync, rmSync, watch } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { writeVolume } from './demo/atomic-writer.ts';
import { type Mounted, MountRefused, openDriver, type Pod, type ProviderClass } from './demo/driver.ts';
import { type KeymountProcess, startKeymount } from './demo/keymount-process.ts';
import { fileTable, shortVersion } from './demo/table.ts';

const examples = fileURLToPath(new URL('../manifests/examples/', import.meta.url));
const pod: Pod = {
  namespace: 'shop',
  name: 'web-5d9c7b6f4-x2x8k',
  uid: '3f0c7c1e-5d52-4c8e-9d3b-2f6f0a6f1b11',
  serviceAccount: 'web',
};

async function main(): Promise<void> {
  const startedAt = Date.now();
  const directory = mkdtempSync(join(tmpdir(), 'keymount-demo-'));
  let keymount: KeymountProcess | undefined;
  process.on('exit', () => {
    keymount?.kill();
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  });
  say('keymount demo: the secrets of one pod, mounted and rotated, without a cluster');

  const store = join(directory, 'store');
  await cp(join(examples, 'file/store'), store, { recursive: true });
  step('The store: a directory of files that the admin owns');
  for (const file of await listFiles(store)) say(`   ${file}`);

  const configFile = await writeConfig(directory, store);
  const begun = Date.now();
  keymount = startKeymount(directory, configFile);
  await keymount.ready();
  const driver = openDriver(keymount.socket);
  step(`keymount serve: ready on keymount.sock after ${Date.now() - begun} ms`);

  const providerClass: ProviderClass = parse(
    await readFile(join(examples, 'keymount/secretproviderclass.yaml'), 'utf8'),
  );
  const volume = join(directory, 'volume');
  await mkdir(volume);
  const mount = async () => {
    const mounted = await driver.mount(providerClass, pod);
    return { ...mounted, changed: await writeVolume(volume, mounted.files, new Date()) };
  };
  const first = await mount();
  step(`Pod ${pod.namespace}/${pod.name} starts: the driver mounts class "${providerClass.metadata.name}"`);
  for (const line of await fileTable(volume, first.versions)) say(`   ${line}`);
  check(first.changed && first.files.length === 4, 'four files are written');
  check(
    ((await stat(join(volume, 'db-password'))).mode & 0o777) === 0o400,
    'a file has the mode that the class gives it',
  );
  check([...first.versions.keys()].join() === first.files.map(({ path }) => path).join(), 'every file has a version');

  await showRotation(store, volume, first, mount);
  await showMistake(providerClass, driver.mount);
  driver.close();
  check((await keymount.stop()) === 0 && !existsSync(keymount.socket), 'keymount stops and takes its socket with it');
  say(`\nAll of it happened as it should, in ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
}

type Mount = () => Promise<Mounted & { readonly changed: boolean }>;

async function showRotation(store: string, volume: string, first: Mounted, mount: Mount): Promise<void> {
  const read = () => readFile(join(volume, 'db-password'), 'utf8');
  const before = await read();
  const events: string[] = [];
  const watcher = watch(volume, (event, name) => events.push(`${event} "${name}"`));

  const idle = await mount();
  step('A minute later the driver asks again');
  say('   nothing changed in the store, so no file and no version changes');
  check(!idle.changed && events.length === 0, 'an unchanged Mount touches nothing');

  await changePassword(join(store, 'shop/db.yaml'));
  const second = await mount();
  check(second.changed, 'the new password is written');
  await until(() => events.includes('rename "..data"'));
  const version = (mounted: Mounted, path: string) => mounted.versions.get(path) ?? '';
  const changed = [...second.versions.keys()].filter((path) => version(first, path) !== version(second, path));
  step('The admin changes the password in shop/db.yaml, and the driver asks again');
  for (const path of changed) {
    say(
      `   ${path} has a new version: ${shortVersion(version(first, path))} -> ${shortVersion(version(second, path))}`,
    );
  }
  say('   the app watches its directory, gets the event rename "..data" and reads the new password');
  check(changed.join() === 'db-password', 'one version changes, the others stay');
  check((await read()) !== before, 'the app reads the new password');
  watcher.close();
}

async function showMistake(
  providerClass: ProviderClass,
  mount: (providerClass: ProviderClass, pod: Pod) => Promise<Mounted>,
): Promise<void> {
  const objects = providerClass.spec.parameters['objects']?.replace('key: password', 'key: pasword') ?? '';
  const spec = { ...providerClass.spec, parameters: { ...providerClass.spec.parameters, objects } };
  const refusal = await mount({ ...providerClass, spec }, pod).catch((error) => error);
  if (!(refusal instanceof MountRefused))
    throw refusal instanceof Error ? refusal : new Error('the typo was not noticed');
  step('Somebody writes "key: pasword" into the class. The next pod does not start, and its events say:');
  say(`   FailedMount: ${refusal.message}`);
  check(/objects\[1\].*pasword.*\[key-missing\]/.test(refusal.message), 'the event names the object and the key');
}

/** The example's configuration with this store. */
async function writeConfig(directory: string, store: string): Promise<string> {
  const config = parse(await readFile(join(examples, 'file/config.yaml'), 'utf8'));
  config.connections.local.path = store;
  const file = join(directory, 'config.yaml');
  await writeFile(file, stringify(config));
  return file;
}

/** As an editor does it: a new file, renamed onto the old one. */
async function changePassword(file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  await writeFile(`${file}.new`, text.replace(/^password: .*$/m, 'password: example-only-4567-longer'));
  await rename(`${file}.new`, file);
}

async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

async function until(happened: () => boolean): Promise<void> {
  const deadline = Date.now() + 3_000;
  while (!happened() && Date.now() < deadline) await sleep(5);
  check(happened(), 'the app sees the change');
}

function check(happened: boolean, what: string): void {
  if (!happened) throw new Error(`this did not happen: ${what}`);
}

let steps = 0;
function step(text: string): void {
  say(`\n${++steps}. ${text}`);
}

function say(line: string): void {
  console.log(line);
}

for (const [signal, code] of [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => process.exit(code));
}

try {
  await main();
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
