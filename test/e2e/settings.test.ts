import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { scratchFolder } from '../lab/scratch.ts';
import { canaries, forEachBuild, runKeymount } from './keymount.ts';

forEachBuild('the command line of keymount', (build) => {
  const run = (...args: string[]) => runKeymount(build, args);

  it('tells its commands, and what serve takes', async () => {
    const help = await run('--help');
    assert.equal(help.code, 0);
    assert.match(help.output, /^ {2}serve {2,}\S/m);
    const serve = await run('serve', '--help');
    assert.equal(serve.code, 0);
    for (const flag of [
      '--config',
      '--socket-dir',
      '--state-dir',
      '--http',
      '--takeover',
      '--vault-addr',
      '--limits-mounts',
    ]) {
      assert.ok(/[ \n[]/.test(serve.output.split(`\n  ${flag}`)[1]?.[0] ?? ''), flag);
    }
    assert.ok(Math.max(...serve.output.split('\n').map((line) => line.length)) <= 100);
  });

  it('prints its version', async () => {
    const { code, output } = await run('version');
    assert.equal(code, 0);
    assert.match(output, /^\d+\.\d+\.\d+\n$/);
  });

  it('refuses an unknown command, and no command, with 2', async () => {
    const unknown = await run('sevre');
    assert.equal(unknown.code, 2);
    assert.match(unknown.output, /^keymount: there is no command "sevre"\n/);
    assert.equal((await run()).code, 2);
  });

  it('refuses unknown flags with the nearest valid name and without their values', async () => {
    const password = canaries.plantToken('a password on the command line');
    const { code, output } = await run(
      'serve',
      `--vault-address=https://app:${password}@vault`,
      '--socketdir',
      '/x',
      '--http',
      password,
    );
    assert.equal(code, 1);
    assert.match(output, /--vault-address: is not a known flag; did you mean --vault-addr\?/);
    assert.match(output, /--socketdir: is not a known flag; did you mean --socket-dir\?/);
    assert.match(output, /--http: must be /);
  });

  it('refuses unknown variables of its own, and names the flags that those of Vault have here', async () => {
    const { code, output } = await runKeymount(build, ['serve'], {
      env: { KEYMOUNT_SOCKET_DIRS: '/x', VAULT_ADDR: 'vault:8200' },
    });
    assert.equal(code, 1);
    assert.match(output, /KEYMOUNT_SOCKET_DIRS: is not a known variable; did you mean KEYMOUNT_SOCKET_DIR\?/);
    assert.match(output, /VAULT_ADDR: must be /);
  });

  it('tells all mistakes of a configuration file, each with its line', async () => {
    const password = canaries.plantToken('a password in the configuration file');
    const { file, output } = await failing([
      'socketDirs: /run/x',
      'limits:',
      `  mounts: ${password}`,
      `connections: {local: {kind: file, allow: ${password}}}`,
    ]);
    assert.ok(output.includes(`${file}:1 socketDirs: is not a known setting; did you mean socketDir?`), output);
    assert.ok(output.includes(`${file}:3 limits.mounts: must be a whole number`), output);
    assert.ok(output.includes(`${file}:4 connections.local.allow: must be of type array`), output);
  });

  it('tells all mistakes of the connections', async () => {
    const password = canaries.plantToken('a password in a connection');
    const { output } = await failing([
      'connections:',
      '  prod: {kind: vualt}',
      '  other:',
      '    kind: vault',
      `    adress: https://app:${password}@vault:8200`,
      '  local:',
      '    kind: file',
      `    path: ${password}`,
    ]);
    assert.match(output, /connections\.prod\.kind.*did you mean vault\?/);
    assert.match(output, /connections\.other.*adress/);
    assert.match(output, /connections\.local\.path/);
  });

  it('tells where a configuration file is no YAML, without quoting it', async () => {
    const password = canaries.plantToken('a password in a broken file');
    const { file, output } = await failing(['connections:', `  prod: {kind: vault, password: "${password}`, 'x: ]']);
    assert.ok(output.includes(`${file}:3: is not valid YAML`), output);
  });

  it('refuses a configuration file that is not there', async () => {
    const { code, output } = await run('serve', '--config', '/nonexistent/keymount.yaml');
    assert.equal(code, 1);
    assert.match(output, /--config: the file cannot be read \(ENOENT\)/);
  });

  async function failing(lines: string[]) {
    const file = join(scratchFolder('config'), 'keymount.yaml');
    writeFileSync(file, lines.join('\n'));
    const { code, output } = await run('serve', '--config', file);
    assert.equal(code, 1, output);
    return { file, output };
  }
});
