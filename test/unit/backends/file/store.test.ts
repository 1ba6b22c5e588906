import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isSettled, openStore, type Store } from '../../../../provider/backends/file/store.ts';
import { formatError, KeymountError } from '../../../../provider/errors.ts';
import { systemClock } from '../../../../provider/util/clock.ts';

const never = new AbortController().signal;
/** Files written just now count as settled, so that the memory is used. */
const later = { ...systemClock, now: () => Date.now() + 60_000 };

describe('the file store', () => {
  let base: string;
  let root: string;
  let store: Store;

  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'keymount-store-'));
    root = join(base, 'secrets');
    mkdirSync(root);
    store = openStore(root, later);
  });
  afterEach(() => rmSync(base, { recursive: true }));

  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  const read = (address: string) => store.read(address, never);
  const refusal = async (address: string): Promise<string> => {
    try {
      await read(address);
    } catch (error) {
      assert.ok(error instanceof KeymountError, String(error));
      const line = formatError(error);
      assert.ok(!line.includes(base), 'an error does not show where on the node the store is');
      return line;
    }
    return assert.fail('it was read');
  };

  for (const ending of ['.yaml', '.yml']) {
    it(`reads the keys of a ${ending} file`, async () => {
      write(`shop/db${ending}`, 'password: 0123\n');
      assert.deepEqual((await read('shop/db')).keys, { password: '0123' });
    });
  }

  it('reads the keys of a .json file', async () => {
    write('shop/db.json', '{"port": 5432.0}');
    const secret = await read('shop/db');
    assert.equal(JSON.stringify(secret.keys), '{"port":5432.0}');
    assert.equal(secret.bytes, undefined);
  });

  it('reads the bytes of a file by its whole name', async () => {
    write('shop/license.txt', 'a\0b');
    write('shop/db.yaml', 'a: 1\n');
    assert.deepEqual(Buffer.from((await read('shop/license.txt')).bytes ?? []).toString(), 'a\0b');
    assert.deepEqual(Buffer.from((await read('shop/db.yaml')).bytes ?? []).toString(), 'a: 1\n');
  });

  it('reads an empty file', async () => {
    write('empty', '');
    assert.equal((await read('empty')).bytes?.byteLength, 0);
  });

  it('has the content as the version', async () => {
    write('a.yaml', 'a: 1\n');
    const expected = createHash('sha256').update('a: 1\n').digest('hex').slice(0, 16);
    assert.equal((await read('a')).version, expected);
  });

  it('reads a file beside a folder of the same name', async () => {
    write('shop/db.yaml', 'a: 1\n');
    write('shop.yaml', 'a: 2\n');
    assert.deepEqual((await read('shop')).keys, { a: '2' });
    assert.deepEqual((await read('shop/db')).keys, { a: '1' });
  });

  it('names both files of an ambiguous address', async () => {
    write('shop/db.yaml', 'a: 1\n');
    write('shop/db.json', '{}');
    assert.equal(
      await refusal('shop/db'),
      'shop/db is ambiguous in the file store: shop/db.yaml and shop/db.json exist; ' +
        'the owner of the store has to remove or rename one of them [backend-reply-invalid]',
    );
    write('x', '');
    write('x.yml', '');
    assert.match(await refusal('x'), /: x and x\.yml exist;/);
  });

  it('says what it tried for a secret that is not there, and names no other', async () => {
    write('shop/other.yaml', 'a: 1\n');
    assert.equal(
      await refusal('shop/db'),
      'shop/db is not in the file store; tried shop/db, shop/db.yaml, shop/db.yml, shop/db.json [secret-missing]',
    );
    assert.match(await refusal('shop/other.yaml/x'), /\[secret-missing\]$/);
  });

  it('says that an address is a folder', async () => {
    write('shop/db.yaml', 'a: 1\n');
    assert.match(await refusal('shop'), /^shop is not in the file store; it is a folder; tried .* \[secret-missing\]$/);
  });

  it('names the file that cannot be parsed', async () => {
    write('shop/db.yaml', 'hunter2');
    const line = await refusal('shop/db');
    assert.match(line, /^shop\/db\.yaml in the file store is not a YAML map at its top;/);
    assert.ok(!line.includes('hunter2'));
  });

  it('reads 1 MiB and refuses one byte more', async () => {
    write('big', '');
    truncateSync(join(root, 'big'), 1024 * 1024);
    assert.equal((await read('big')).bytes?.byteLength, 1024 * 1024);
    truncateSync(join(root, 'big'), 1024 * 1024 + 1);
    assert.equal(await refusal('big'), 'big in the file store is larger than 1048576 bytes [backend-reply-invalid]');
  });

  it('refuses a pipe without waiting for its writer', { timeout: 5_000 }, async () => {
    execFileSync('mkfifo', [join(root, 'pipe'), join(root, 'other.yaml')]);
    assert.equal(await refusal('pipe'), 'pipe in the file store is not a regular file [backend-reply-invalid]');
    assert.match(await refusal('other'), /^other\.yaml in the file store is not a regular file/);
  });

  it('refuses a socket', async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(join(root, 'socket'), listening));
    try {
      assert.match(await refusal('socket'), /is not a regular file/);
    } finally {
      await new Promise((closed) => server.close(closed));
    }
  });

  it('refuses a device behind a link', async () => {
    symlinkSync('/dev/zero', join(root, 'zero'));
    assert.match(await refusal('zero'), /is not a regular file/);
  });

  it('follows links within the store only', async () => {
    write('shop/db.yaml', 'a: 1\n');
    writeFileSync(join(base, 'outside.yaml'), 'a: hunter2\n');
    mkdirSync(join(base, 'secrets-2'));
    writeFileSync(join(base, 'secrets-2', 'x.yaml'), 'a: hunter2\n');
    symlinkSync('shop/db.yaml', join(root, 'same.yaml'));
    symlinkSync('../outside.yaml', join(root, 'out.yaml'));
    symlinkSync('..', join(root, 'up'));
    symlinkSync(join(base, 'secrets-2'), join(root, 'near'));
    symlinkSync('nowhere', join(root, 'dangling.yaml'));
    symlinkSync('loop', join(root, 'loop'));
    assert.deepEqual((await read('same')).keys, { a: '1' });
    for (const address of ['out', 'up/outside', 'near/x']) {
      assert.match(await refusal(address), /leads out of the file store by a symbolic link \[address-not-allowed\]$/);
    }
    assert.match(await refusal('dangling'), /\[secret-missing\]$/);
    assert.match(await refusal('loop'), /^loop cannot be read: ELOOP \[backend-reply-invalid\]$/);
  });

  it('follows a link that is the store itself', async () => {
    write('a.yaml', 'a: 1\n');
    symlinkSync(root, join(base, 'link'));
    assert.deepEqual((await openStore(join(base, 'link'), later).read('a', never)).keys, { a: '1' });
  });

  it('says that there is no store', async () => {
    store = openStore(join(base, 'nowhere'), later);
    assert.equal(await refusal('a'), 'the directory of the file store cannot be read: ENOENT [backend-unreachable]');
  });

  it('stops when its caller has gone', async () => {
    write('a.yaml', 'a: 1\n');
    const reason = new Error('gone');
    await assert.rejects(store.read('a', AbortSignal.abort(reason)), reason);
  });
});

describe('a file that changes in the store', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'keymount-store-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));
  const write = (file: string, text: string) => writeFileSync(join(root, file), text);

  it('is parsed once while it stays as it is', async () => {
    write('a.yaml', 'a: 1\n');
    const store = openStore(root, later);
    const first = await store.read('a', never);
    assert.equal(await store.read('a', never), first);
  });

  it('is seen at once when it is written in place', async () => {
    const store = openStore(root, systemClock);
    for (let i = 0; i < 50; i++) {
      // Equal sizes and often equal times: only a store that mistrusts fresh times sees each of them.
      write('a.yaml', `a: ${10 + i}\n`);
      assert.deepEqual((await store.read('a', never)).keys, { a: String(10 + i) });
    }
  });

  it('is read anew until its times can tell the next change', () => {
    const changed = { ctimeNs: 1_000_000_000_000_000_000n };
    assert.equal(isSettled(changed, 1_000_000_000_000), false);
    assert.equal(isSettled(changed, 1_000_000_002_000), false);
    assert.equal(isSettled(changed, 1_000_000_002_001), true);
    assert.equal(isSettled(changed, 999_999_990_000), false, 'a time in the future tells nothing');
  });

  it('is seen at once when another is renamed onto it, also with the same size and time', async () => {
    const store = openStore(root, later);
    const time = new Date('2026-01-01');
    for (const value of ['1', '2', '3']) {
      write('.new', `a: ${value}\n`);
      utimesSync(join(root, '.new'), time, time);
      renameSync(join(root, '.new'), join(root, 'a.yaml'));
      assert.deepEqual((await store.read('a', never)).keys, { a: value });
    }
  });

  it('is parsed anew when its format changes and its bytes do not', async () => {
    const store = openStore(root, later);
    write('a.yaml', '{"a": 1}');
    assert.equal(JSON.stringify((await store.read('a', never)).keys), '{"a":"1"}');
    renameSync(join(root, 'a.yaml'), join(root, 'a.json'));
    assert.equal(JSON.stringify((await store.read('a', never)).keys), '{"a":1}');
  });

  it('is missing as soon as it is gone', async () => {
    const store = openStore(root, later);
    write('a.yaml', 'a: 1\n');
    await store.read('a', never);
    rmSync(join(root, 'a.yaml'));
    await assert.rejects(store.read('a', never), { code: 'secret-missing' });
  });
});

describe('a Kubernetes volume as the store', () => {
  let root: string;
  let swaps: number;
  beforeEach(() => {
    swaps = 0;
    root = mkdtempSync(join(tmpdir(), 'keymount-store-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  /** As kubelet does it: a new dated directory, `..data` renamed onto the old link, the old directory removed. */
  const publish = (value: string) => {
    const before = swaps === 0 ? undefined : `..2026_${swaps}`;
    swaps++;
    mkdirSync(join(root, `..2026_${swaps}`, 'shop'), { recursive: true });
    for (const file of ['db.yaml', 'shop/db.yaml']) {
      writeFileSync(join(root, `..2026_${swaps}`, file), `a: ${value}\n`);
    }
    symlinkSync(`..2026_${swaps}`, join(root, '..data_tmp'));
    renameSync(join(root, '..data_tmp'), join(root, '..data'));
    if (before !== undefined) return rmSync(join(root, before), { recursive: true });
    for (const name of ['db.yaml', 'shop']) symlinkSync(`..data/${name}`, join(root, name));
  };

  it('is seen at once after each swap', async () => {
    const store = openStore(root, later);
    for (const value of ['1', '2', '3']) {
      publish(value);
      assert.deepEqual((await store.read('db', never)).keys, { a: value });
    }
  });

  const watched: [name: string, folder: string, address: string][] = [
    ['never seems empty, wrong or outside while it is swapped', '', 'db'],
    ['neither does a folder of it', '', 'shop/db'],
    ['neither does a folder of it that is the store', 'shop', 'db'],
  ];
  for (const [name, folder, address] of watched) it(name, () => readWhileSwapping(folder, address));

  async function readWhileSwapping(folder: string, address: string): Promise<void> {
    publish('0');
    const store = openStore(join(root, folder), later);
    let swapping = true;
    let reads = 0;
    const reader = async () => {
      let last = 0;
      while (swapping) {
        const value = Number((await store.read(address, never)).keys?.['a']);
        assert.ok(value >= last, 'an older content never comes back');
        last = value;
        reads++;
      }
    };
    const readers = Promise.all(Array.from({ length: 4 }, reader));
    const publisher = async () => {
      for (let i = 1; i <= 100 && swapping; i++) {
        publish(String(i));
        await new Promise((next) => setTimeout(next, 2 + (i % 4)));
      }
      swapping = false;
    };
    // Whoever fails first, the other has ended before the directory is removed.
    const outcomes = await Promise.allSettled([readers.finally(() => (swapping = false)), publisher()]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    assert.ok(reads > 20, `${reads} reads`);
  }
});
