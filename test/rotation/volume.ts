import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { driverRequest } from '../lab/driver-attributes.ts';
import { startKeymount } from '../lab/keymount.ts';
import { aPod } from '../lab/pod.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { need } from '../lab/tools.ts';

/** A volume that the driver's own code writes, with what keymount reads from a store on disk. */
export interface Volume {
  readonly path: string;
  /** The user becomes `user-N`, the password N characters, and the driver mounts again. */
  readonly rotate: (n: number) => Promise<void>;
  /** The driver mounts again. */
  readonly mount: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const objects = `
- {file: db-username, secret: shop/db, key: username}
- {file: db-password, secret: shop/db, key: password}
`;

/** A volume with the password of `n` characters. Needs the tool `drivermount`. */
export async function openVolume(n: number): Promise<Volume> {
  const { drivermount } = need('drivermount');
  const folder = scratchFolder('rotation');
  const store = join(folder, 'store');
  const target = join(folder, 'volume');
  mkdirSync(join(store, 'shop'), { recursive: true });
  const config = join(folder, 'config.yaml');
  const allow = [{ namespaces: ['shop'], secrets: ['shop/*'] }];
  writeFileSync(
    config,
    JSON.stringify({ connections: { local: { kind: 'file', path: store, trustDriver: true, allow } } }),
  );
  const keymount = await startKeymount({ args: ['--config', config] });

  const { attributes } = driverRequest({ parameters: { connection: 'local', objects }, pod: aPod() });
  const mount = async () => {
    const { stdout } = await promisify(execFile)(drivermount, [
      '-socket',
      keymount.socket('keymount'),
      '-target',
      target,
      '-attributes',
      attributes,
    ]);
    const { status, error } = JSON.parse(stdout) as { status: string; error: string };
    assert.equal(status, 'OK', error);
  };
  const rotate = async (next: number) => {
    const file = join(store, 'shop/db.yaml');
    writeFileSync(`${file}.new`, `username: user-${next}\npassword: ${'x'.repeat(next)}\n`);
    renameSync(`${file}.new`, file);
    await mount();
  };
  await rotate(n);
  return { path: target, rotate, mount, close: keymount.stop };
}
