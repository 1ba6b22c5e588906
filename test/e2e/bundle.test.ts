import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { homedir, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openClient } from '../lab/grpc-client.ts';
import { startKeymount } from '../lab/keymount.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { runKeymount } from './keymount.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const dist = `${repository}/dist`;
const { version } = JSON.parse(readFileSync(`${repository}/package.json`, 'utf8')) as { version: string };
const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => join(parentPath, name));

describe('the bundle on disk', () => {
  it('is one program and its thread, the licences of what is in it, and the proto file', () => {
    const names = files.map((file) => file.slice(dist.length + 1)).sort();
    const proto = 'proto/provider/v1alpha1/service.proto';
    assert.deepEqual(names, ['class-thread.cjs', 'keymount.cjs', 'keymount.cjs.LEGAL.txt', proto]);
  });

  it('prints its version', async () => {
    assert.deepEqual(await runKeymount('bundle', ['version']), { code: 0, output: `${version}\n` });
  });

  it('serves from a folder that has nothing else of the repository beside it', async () => {
    const folder = scratchFolder('dist');
    cpSync(dist, folder, { recursive: true });
    const keymount = await startKeymount({ program: `${folder}/keymount.cjs` });
    const client = openClient(keymount.socket('vault'));
    const reply = await client.version();
    client.close();
    await keymount.stop();
    assert.equal('runtimeVersion' in reply ? reply.runtimeVersion : reply.message, version);
  });

  it('names no folder of the machine that made it', () => {
    const folders = [repository, homedir(), process.cwd(), tmpdir()].map((folder) => `${folder.replace(/\/$/, '')}/`);
    for (const folder of folders) assert.deepEqual(found(folder), []);
    if (hostname().length > 6) assert.deepEqual(found(hostname()), []);
    // where people and CI keep their work
    assert.deepEqual(found(/(?<![\w.:}/-])\/(?:home|Users|builds|workspace|github)\/[\w.-]+/g), []);
  });

  it('names no host that packages come from', () => {
    const configured = execFileSync('npm', ['config', 'get', 'registry'], { cwd: repository, encoding: 'utf8' });
    assert.deepEqual(found(new URL(configured.trim()).host), []);
    assert.deepEqual(found(/\/\/[\w.-]*(?:registry|npm|artifactory|nexus)[\w-]*\.[\w.-]+/g), []);
  });
});

/** Where a text stands, or one of this form, with what is around it. */
function found(wanted: string | RegExp): string[] {
  return files.flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    const places =
      typeof wanted === 'string' ? [text.indexOf(wanted)] : [...text.matchAll(wanted)].map(({ index }) => index);
    return places
      .filter((index) => index >= 0)
      .map((index) => `${file}: ${text.slice(Math.max(0, index - 40), index + 80)}`);
  });
}
