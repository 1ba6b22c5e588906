import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { type JsonObject, parseJson } from '../../../provider/util/json.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { allBytes, filesIn, onlyFile, openState } from './state-folder.ts';

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('the state of leases', () => {
  let dir: string;
  beforeEach(() => {
    dir = scratchFolder('leases');
  });

  it('is there again for the next process, with the digits of its numbers', async () => {
    const record = parseJson(
      '{"n":12345678901234567890,"f":1.0,"e":1e5,"deep":[{"__proto__":1,"x":"é\\ud800"}]}',
    ) as JsonObject;
    const first = await openState(dir);
    await first.save('pod-1 vault', record);
    await first.save('pod-2 vault', { token: 'b' });
    const second = await openState(dir);
    const found = (await second.load()).sort((a, b) => a.key.localeCompare(b.key));
    assert.deepEqual(
      found.map(({ key }) => key),
      ['pod-1 vault', 'pod-2 vault'],
    );
    assert.equal(JSON.stringify(found[0]?.record), JSON.stringify(record));
    assert.match(JSON.stringify(found[0]?.record), /12345678901234567890,"f":1\.0,"e":1e5/);
    assert.deepEqual(second.reports, []);
  });

  it('has no file for what was removed, and removing what is not there is fine', async () => {
    const state = await openState(dir);
    await state.save('a', { x: 'y' });
    await state.remove('a');
    await state.remove('a');
    assert.deepEqual(filesIn(dir), []);
    assert.deepEqual(await (await openState(dir)).load(), []);
  });

  it('can be entered by its owner only, the node key too', async () => {
    mkdirSync(join(dir, 'leases'), { mode: 0o755 });
    mkdirSync(join(dir, 'node-key'), { mode: 0o755 });
    const state = await openState(dir);
    await state.save('a', { x: 'y' });
    assert.equal(mode(join(dir, 'leases')), '700');
    assert.equal(mode(onlyFile(dir)), '600');
    assert.equal(mode(join(dir, 'node-key')), '700');
    const key = join(dir, 'node-key', 'node.key');
    assert.equal(mode(key), '600');
    assert.equal(readFileSync(key).length, 32);
    chmodSync(key, 0o644);
    await (await openState(dir)).load();
    assert.equal(mode(key), '600');
  });

  it('shows no value, token, key or pod name in any byte below the directory', async () => {
    const canary = `canary-${randomBytes(24).toString('hex')}`;
    const state = await openState(dir);
    for (let size = 0; size < 40; size++) {
      await state.save(`pod ${canary} ${size}`, {
        [`field-${canary}`]: { token: `hvs.${canary}`, pad: 'p'.repeat(size) },
      });
    }
    const all = allBytes(dir);
    assert.ok(all.length > 40 * canary.length);
    const plain = Buffer.from(canary, 'latin1');
    // Base64 of a text depends on where in a group of three bytes it begins; its inner part is the same whatever surrounds it.
    const base64 = [0, 1, 2].map((shift) => {
      const encoded = Buffer.concat([Buffer.alloc(shift), plain]).toString('base64');
      return encoded.slice(4, 4 * Math.floor((plain.length + shift) / 3));
    });
    for (const trace of [canary, plain.toString('hex'), plain.toString('hex').toUpperCase(), ...base64, 'hvs.']) {
      assert.equal(all.includes(trace), false, trace);
    }
  });

  it('has other bytes at each save of the same record', async () => {
    const state = await openState(dir);
    const seen = new Set<string>();
    for (let i = 0; i < 5; i++) {
      await state.save('a', { x: 'y' });
      seen.add(readFileSync(onlyFile(dir)).toString('hex'));
    }
    assert.equal(seen.size, 5);
  });

  it('takes a record as it is at the call, and the last of several saves wins', async () => {
    const state = await openState(dir);
    const record: JsonObject = { step: '0' };
    const saves: Promise<void>[] = [];
    for (let step = 1; step <= 50; step++) {
      record['step'] = String(step);
      saves.push(state.save('a', record));
    }
    record['step'] = 'changed later';
    await Promise.all(saves);
    assert.deepEqual(await (await openState(dir)).load(), [{ key: 'a', record: { step: '50' } }]);
  });

  it('keeps the order of saves and removals of a key', async () => {
    const state = await openState(dir);
    await Promise.all([
      state.save('a', { x: '1' }),
      state.remove('a'),
      state.save('b', { x: '1' }),
      state.save('a', { x: '2' }),
    ]);
    await Promise.all([state.save('b', { x: '2' }), state.save('b', { x: '3' }), state.remove('b')]);
    assert.deepEqual(await (await openState(dir)).load(), [{ key: 'a', record: { x: '2' } }]);
  });

  it('is all on disk when it was flushed', async () => {
    const state = await openState(dir);
    for (let i = 0; i < 20; i++) void state.save(`key ${i % 5}`, { i: String(i) });
    await state.flush();
    // Looked at before anything else can be written.
    const names = filesIn(dir);
    assert.equal(names.length, 5, names.join(' '));
    assert.ok(
      names.every((name) => /^[0-9a-f]{64}$/.test(name)),
      'a draft is no file',
    );
    const found = (await (await openState(dir)).load()).map(({ record }) => record['i']);
    assert.deepEqual(found.sort(), ['15', '16', '17', '18', '19']);
  });

  it('has lives beside a record, which end with it', async () => {
    const state = await openState(dir);
    await state.save('a', { x: '1' });
    await state.saveLives('a', { end: '1' });
    await state.saveLives('a', { end: '2' });
    await state.save('b', { x: '1' });
    assert.deepEqual(filesIn(dir).length, 3);
    const found = (await (await openState(dir)).load()).sort((one, other) => one.key.localeCompare(other.key));
    assert.deepEqual(found, [
      { key: 'a', record: { x: '1' }, lives: { end: '2' } },
      { key: 'b', record: { x: '1' } },
    ]);
    const next = await openState(dir);
    await next.load();
    await next.remove('a');
    await next.remove('b');
    assert.deepEqual(filesIn(dir), []);
  });

  it('takes no lives for those of another record, and sweeps those of none', async () => {
    const state = await openState(dir);
    await Promise.all([state.save('a', { x: '1' }), state.save('b', { x: '1' }), state.saveLives('a', { end: '1' })]);
    const [lives = ''] = filesIn(dir).filter((name) => name.endsWith('.lives'));
    const other = filesIn(dir).find((name) => !lives.startsWith(name)) ?? '';
    renameSync(join(dir, 'leases', lives), join(dir, 'leases', `${other}.lives`));
    const next = await openState(dir);
    assert.ok((await next.load()).every((record) => record.lives === undefined));
    rmSync(join(dir, 'leases', other));
    await (await openState(dir)).load();
    assert.equal(filesIn(dir).length, 1);
  });

  it('counts files and bytes, also those of the process before', async () => {
    const state = await openState(dir);
    await state.load();
    assert.deepEqual(state.usage(), { files: 0, bytes: 0 });
    await state.save('a', { x: 'y'.repeat(1_000) });
    await state.saveLives('a', { x: '1' });
    await state.save('b', { x: '1' });
    await state.save('a', { x: 'y'.repeat(500) });
    const sizes = filesIn(dir).map((name) => statSync(join(dir, 'leases', name)).size);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    assert.deepEqual(state.usage(), { files: 3, bytes });
    const next = await openState(dir);
    await next.load();
    assert.deepEqual(next.usage(), { files: 3, bytes });
    await next.remove('a');
    await next.remove('b');
    assert.deepEqual(next.usage(), { files: 0, bytes: 0 });
  });

  it('takes up what is within its bounds, the newest first, one record at a time, and sets the rest aside', async () => {
    const state = await openState(dir);
    for (let i = 0; i < 40; i++) {
      await state.save(`key ${i}`, { i: String(i), pad: 'y'.repeat(1_000) });
      utimesSync(join(dir, 'leases', createHash('sha256').update(`key ${i}`).digest('hex')), i, i);
    }
    const next = await openState(dir, { files: 10, bytes: 1_000_000 });
    const found = (await next.load()).map(({ record }) => record['i']);
    assert.deepEqual(found, ['39', '38', '37', '36', '35', '34', '33', '32', '31', '30']);
    const reason = 'the directory has more than 10 files or 1000000 bytes';
    assert.deepEqual(next.reports, [{ event: 'set-aside', file: '30 files', reason }]);
    assert.equal(filesIn(dir).filter((name) => name.endsWith('.unusable')).length, 16, 'a few are left to look at');
    const small = await openState(dir, { files: 10, bytes: 3_500 });
    assert.deepEqual(
      (await small.load()).map(({ record }) => record['i']),
      ['39', '38', '37'],
    );
  });

  it('tells a save that failed, and takes the next', async () => {
    const state = await openState(dir);
    await state.load();
    rmSync(join(dir, 'leases'), { recursive: true });
    await assert.rejects(state.save('a', { x: '1' }), { code: 'ENOENT' });
    await state.flush();
    mkdirSync(join(dir, 'leases'));
    await state.save('a', { x: '2' });
    assert.deepEqual(await state.load(), [{ key: 'a', record: { x: '2' } }]);
  });

  it('takes no record that could not be read again', async () => {
    const state = await openState(dir);
    await state.load();
    const isInternal = (error: unknown) => error instanceof KeymountError && error.code === 'internal';
    await assert.rejects(state.save('a', { x: 'y'.repeat(5 * 1024 * 1024) }), isInternal);
    let deep: JsonObject = {};
    for (let level = 0; level < 300; level++) deep = { deep };
    await assert.rejects(state.save('a', deep), isInternal);
    assert.deepEqual(filesIn(dir), []);
  });

  it('sweeps what a killed process left half written', async () => {
    const state = await openState(dir);
    await state.save('a', { x: 'old' });
    writeFileSync(`${onlyFile(dir)}.new`, 'half a rec');
    const next = await openState(dir);
    assert.deepEqual(await next.load(), [{ key: 'a', record: { x: 'old' } }]);
    assert.deepEqual(next.reports, []);
    await next.save('a', { x: 'new' });
    assert.match(onlyFile(dir), /[0-9a-f]{64}$/);
  });

  it('leaves alone what is not its own', async () => {
    const state = await openState(dir);
    await state.load();
    writeFileSync(join(dir, 'leases', 'README'), 'hands off');
    assert.deepEqual(await state.load(), []);
    assert.deepEqual(filesIn(dir), ['README']);
    assert.deepEqual(state.reports, []);
  });

  it('touches nothing before it is used: another process may own the directory', async () => {
    await openState(dir);
    assert.deepEqual(readdirSync(dir), []);
  });

  it('says that the directory cannot be used, and can be used once it can', async () => {
    writeFileSync(join(dir, 'state'), '');
    const state = await openState(join(dir, 'state'));
    const isInvalid = (error: unknown) => error instanceof KeymountError && error.code === 'settings-invalid';
    await assert.rejects(state.load(), isInvalid);
    await assert.rejects(state.save('a', { x: 'y' }), isInvalid);
    await state.flush();
    rmSync(join(dir, 'state'));
    await state.save('a', { x: 'y' });
    assert.deepEqual(await state.load(), [{ key: 'a', record: { x: 'y' } }]);
  });
});

describe('a file of the state of leases', () => {
  let dir: string;
  beforeEach(async () => {
    dir = scratchFolder('leases');
    const state = await openState(dir);
    await state.save('a', { token: 'hvs.secret' });
  });

  /** Loads, and expects that nothing is found and the one file was set aside. Returns the reason. */
  async function setAside(): Promise<string> {
    const name = basename(onlyFile(dir));
    const state = await openState(dir);
    assert.deepEqual(await state.load(), []);
    assert.deepEqual(filesIn(dir), [`${name}.unusable`]);
    const [report, ...others] = state.reports.filter(({ event }) => event !== 'key-replaced');
    assert.deepEqual(others, []);
    assert.equal(report?.event, 'set-aside');
    assert.equal(report.file, `${name}.unusable`);
    // Once is enough: the next start finds nothing to tell.
    const next = await openState(dir);
    assert.deepEqual(await next.load(), []);
    assert.deepEqual(next.reports, []);
    return report.reason;
  }

  const change = (edit: (bytes: Buffer) => Buffer) => writeFileSync(onlyFile(dir), edit(readFileSync(onlyFile(dir))));

  it('that was damaged is set aside', async () => {
    change((bytes) => {
      bytes[30] = (bytes[30] as number) ^ 1;
      return bytes;
    });
    assert.match(await setAside(), /damaged, or was sealed under another node key/);
  });

  it('that was cut off is set aside', async () => {
    change((bytes) => bytes.subarray(0, 20));
    assert.match(await setAside(), /cut off/);
  });

  it('that is empty is set aside', async () => {
    change(() => Buffer.alloc(0));
    assert.match(await setAside(), /cut off/);
  });

  it('of a newer keymount is set aside, with its schema in the report', async () => {
    change((bytes) => {
      bytes[4] = 2;
      return bytes;
    });
    assert.match(await setAside(), /a newer keymount wrote it \(schema 2, this one reads 1\)/);
  });

  it('that something else wrote is set aside', async () => {
    change(() => Buffer.from('{"token":"this is no state of keymount but JSON of somebody"}'));
    assert.match(await setAside(), /no record of keymount/);
  });

  it('that is larger than any record is set aside unread', async () => {
    change((bytes) => Buffer.concat([bytes, Buffer.alloc(5 * 1024 * 1024)]));
    assert.match(await setAside(), /larger than/);
  });

  it('that became a directory is set aside', async () => {
    const file = onlyFile(dir);
    rmSync(file);
    mkdirSync(file);
    assert.match(await setAside(), /a directory/);
  });

  it('opens under no other key: a copied leases directory is worth nothing', async () => {
    const copy = scratchFolder('copy');
    cpSync(join(dir, 'leases'), join(copy, 'leases'), { recursive: true });
    const state = await openState(copy);
    assert.deepEqual(await state.load(), []);
    assert.match(state.reports[0]?.reason ?? '', /another node key/);
  });

  it('opens under no other name: it cannot be given to another pod', async () => {
    const state = await openState(dir);
    const own = onlyFile(dir);
    await state.save('b', { token: 'other' });
    const other = filesIn(dir).find((name) => name !== basename(own)) as string;
    copyFileSync(own, join(dir, 'leases', other));
    const next = await openState(dir);
    assert.deepEqual(await next.load(), [{ key: 'a', record: { token: 'hvs.secret' } }]);
    assert.deepEqual(
      next.reports.map(({ file }) => file),
      [`${other}.unusable`],
    );
  });

  it('is lost with the node key, which is made anew and says so', async () => {
    const key = join(dir, 'node-key', 'node.key');
    writeFileSync(key, 'short');
    const state = await openState(dir);
    await state.save('b', {});
    await state.remove('b');
    assert.deepEqual(state.reports, [
      { event: 'key-replaced', file: 'node.key', reason: 'it has 5 bytes instead of 32' },
    ]);
    assert.equal(readFileSync(key).length, 32);
    assert.match(await setAside(), /another node key/);
  });

  it('whose node key was made only by half is sealed under a whole one', async () => {
    rmSync(join(dir, 'node-key', 'node.key'));
    writeFileSync(join(dir, 'node-key', 'node.key.new'), 'half');
    const state = await openState(dir);
    await state.save('a', { token: 'again' });
    assert.deepEqual(await (await openState(dir)).load(), [{ key: 'a', record: { token: 'again' } }]);
    assert.equal(existsSync(join(dir, 'node-key', 'node.key.new')), false);
  });

  it('is kept when it was set aside, but no more than 16 of them', async () => {
    const state = await openState(dir);
    for (let i = 0; i < 40; i++) await state.save(`key ${i}`, { x: 'y' });
    for (const name of filesIn(dir)) writeFileSync(join(dir, 'leases', name), 'rubbish');
    const next = await openState(dir);
    assert.deepEqual(await next.load(), []);
    assert.equal(next.reports.length, 41);
    assert.equal(filesIn(dir).length, 16);
  });
});
