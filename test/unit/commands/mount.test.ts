import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runMount } from '../../../provider/commands/mount.ts';
import { formatError, KeymountError } from '../../../provider/errors.ts';
import { scratchFolder } from '../../lab/scratch.ts';

const examples = fileURLToPath(new URL('../../../manifests/examples/', import.meta.url));
const classFile = join(examples, 'keymount/secretproviderclass.yaml');
const secrets = ['example-only', 'shop-web', 'licensed to'];

/** The example's configuration with the example's store, in a directory of its own. */
function writeConfig(): string {
  const folder = scratchFolder('mount');
  const config = readFileSync(join(examples, 'file/config.yaml'), 'utf8');
  const file = join(folder, 'config.yaml');
  writeFileSync(file, config.replace('/etc/keymount/secrets', join(examples, 'file/store')));
  return file;
}

async function run(...argv: string[]): Promise<{ code: number | string; out: string; warnings: string }> {
  const lines: string[] = [];
  const warnings: string[] = [];
  const surroundings = {
    serviceHost: undefined,
    servicePort: undefined,
    podNamespace: undefined,
    nodeVersion: process.version,
    random: () => 0,
  };
  const readFile = (path: string) => readFileSync(path, 'utf8');
  const edges = {
    env: {},
    readFile,
    surroundings,
    print: (line: string) => void lines.push(line),
    warn: (line: string) => void warnings.push(line),
  };
  let code: number | string;
  try {
    code = await runMount(argv, edges);
  } catch (error) {
    assert.ok(error instanceof KeymountError, String(error));
    code = formatError(error);
  }
  const output = { code, out: lines.join('\n'), warnings: warnings.join('\n') };
  for (const secret of secrets) assert.ok(!JSON.stringify(output).includes(secret), 'no value is printed');
  return output;
}

const pod = ['--service-account', 'web', '--pod', 'web-1'];

describe('keymount mount', () => {
  it('prints the files, their modes, sizes and versions', async () => {
    const stateDir = scratchFolder('mount');
    const argv = [classFile, '--config', writeConfig(), '--state-dir', stateDir, ...pod];
    const { code, out, warnings } = await run(...argv);
    assert.equal(code, 0);
    assert.equal(warnings, '');
    const [title, empty, header, ...files] = out.split('\n');
    assert.equal(title, 'class web, provider keymount, for pod shop/web-1, ServiceAccount web');
    assert.equal(empty, '');
    assert.equal(header, 'file             mode  bytes  version');
    assert.deepEqual(
      files.map((line) => line.replace(/ {2}\S{43}=$/, '')),
      [
        'db-username      0644      8',
        'db-password      0400     17',
        'config/api.json  0644     99',
        'license.txt      0644     29',
      ],
    );
    assert.equal((await run(...argv)).out, out, 'the same state directory gives the same versions');
  });

  it('mounts without a state directory too, says so and leaves no key behind', async () => {
    const stateDir = join(scratchFolder('mount'), 'nowhere');
    const { code, warnings } = await run(classFile, '--config', writeConfig(), '--state-dir', stateDir, ...pod);
    assert.equal(code, 0);
    assert.match(warnings, /^warning: no version key here, so the versions below are of this run only/);
    assert.throws(() => statSync(stateDir), { code: 'ENOENT' });
  });

  it('writes the files where it is told, with their modes', async () => {
    const out = join(scratchFolder('mount'), 'volume');
    assert.equal((await run(classFile, '--config', writeConfig(), '--out', out, ...pod)).code, 0);
    const mode = (path: string) => (statSync(join(out, path)).mode & 0o777).toString(8);
    assert.deepEqual(['db-username', 'db-password', 'config/api.json'].map(mode), ['644', '400', '644']);
    assert.equal(readFileSync(join(out, 'db-password'), 'utf8'), 'example-only-0123');
    assert.equal(
      readFileSync(join(out, 'config/api.json'), 'utf8'),
      '{"account":12345678901234567890,"endpoint":"https://api.shop.example","key":"example-only-api-key"}',
    );
  });

  it('writes into no directory that holds something', async () => {
    const out = scratchFolder('mount');
    mkdirSync(join(out, 'kept'));
    const { code } = await run(classFile, '--config', writeConfig(), '--out', out, ...pod);
    assert.match(String(code), /--out: the files cannot be written: the directory is not empty; name a new directory/);
    assert.deepEqual(readdirSync(out), ['kept']);
  });

  it('is refused what the rules of the connection refuse', async () => {
    const { code, out } = await run(classFile, '--config', writeConfig());
    assert.match(String(code), /ServiceAccount shop\/default .*\[connection-not-allowed\]$/);
    assert.equal(out, '');
  });

  it('shows the one line that a pod would show', async () => {
    const file = join(scratchFolder('mount'), 'class.yaml');
    writeFileSync(file, readFileSync(classFile, 'utf8').replace('key: password', 'key: pasword'));
    const { code } = await run(file, '--config', writeConfig(), ...pod);
    assert.match(String(code), /^objects\[1\] "db-password" \(line 4\): .*"pasword".*\[key-missing\]$/);
  });

  it('says what a class warns of', async () => {
    const file = join(scratchFolder('mount'), 'class.yaml');
    writeFileSync(
      file,
      readFileSync(classFile, 'utf8').replace('connection: local', 'connection: local\n    purpose: x'),
    );
    const { code, warnings } = await run(file, '--config', writeConfig(), ...pod);
    assert.equal(code, 0);
    assert.match(warnings, /^warning: parameters\.purpose: is not a known parameter/m);
  });

  it('names a file that it cannot read', async () => {
    assert.equal((await run('/nowhere.yaml')).code, '/nowhere.yaml cannot be read: ENOENT [settings-invalid]');
    const token = await run(classFile, '--token', 'vault=/nowhere');
    assert.equal(token.code, '/nowhere cannot be read: ENOENT [settings-invalid]');
  });

  it('explains itself', async () => {
    const { code, out } = await run('--help');
    assert.equal(code, 0);
    assert.match(out, /^Usage: keymount mount CLASS\.yaml/);
  });
});
