import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { watchLinks } from '../../../provider/commands/link-watch.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { HandClock } from '../sessions/fake-store.ts';
import { prepareWith } from './prepare-args.ts';

const uid = process.getuid?.() ?? 0;
const dialects = ['vault', 'keymount'] as const;

/** Seconds pass at once; each look is told by how late it is. */
function fastClock() {
  let passed = 0;
  const base = Date.now();
  return {
    now: () => base + passed,
    sleep: async (ms: number, signal?: AbortSignal) => {
      passed += ms;
      await systemClock.sleep(1);
      signal?.throwIfAborted();
    },
    seconds: () => passed / 1000,
  };
}

async function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(path);
  await once(server, 'listening');
  return server;
}

async function end(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

describe('keymount prepare --wait', () => {
  it('looks each second, says for whom it waits every ten, and goes on when that is gone', async () => {
    const dir = scratchFolder('wait');
    const server = await listen(join(dir, 'vault.sock'));
    const clock = fastClock();
    const lines: string[] = [];
    const done = prepareWith(
      { providersDirs: [dir], dialects, uid },
      {
        clock: {
          ...clock,
          sleep: async (ms, signal) => {
            await clock.sleep(ms, signal);
            if (clock.seconds() === 25) await end(server);
          },
        },
        print: (text) => void lines.push(text),
      },
    );
    assert.equal(await done, 0);
    assert.equal(clock.seconds(), 25);
    assert.equal(readlinkSync(join(dir, 'vault.sock')), 'keymount/vault.sock');
    const path = join(dir, 'vault.sock');
    const who = 'a server that does not answer as a provider';
    assert.deepEqual(lines, [
      `waiting for ${who} to leave ${path}, for another 10m at most\n`,
      `waiting for ${who} to leave ${path}, for another 9m50s at most\n`,
      `waiting for ${who} to leave ${path}, for another 9m40s at most\n`,
      `keymount may serve vault, keymount in ${dir}\n`,
    ]);
  });

  it('gives up after its time, and has changed nothing', async (t) => {
    const dir = scratchFolder('wait');
    const server = await listen(join(dir, 'keymount.sock'));
    t.after(() => server.close());
    const clock = fastClock();
    await assert.rejects(prepareWith({ providersDirs: [dir], dialects, uid, wait: '1m' }, { clock }), {
      code: 'socket-taken',
    });
    assert.equal(clock.seconds(), 60);
    assert.deepEqual(readdirSync(dir), ['keymount.sock']);
  });

  it('ends when it is told to stop', async (t) => {
    const dir = scratchFolder('wait');
    const server = await listen(join(dir, 'vault.sock'));
    t.after(() => server.close());
    const stop = AbortSignal.timeout(100);
    await assert.rejects(prepareWith({ providersDirs: [dir], dialects, uid }, { stop }), { code: 'shutting-down' });
    assert.deepEqual(readdirSync(dir), ['vault.sock']);
  });

  it('waits for nobody who was killed, nor with --takeover', async (t) => {
    const [dir, other] = [scratchFolder('wait'), scratchFolder('wait')];
    writeFileSync(join(dir, 'vault.sock'), '');
    const server = await listen(join(other, 'vault.sock'));
    t.after(() => server.close());
    const clock = fastClock();
    await prepareWith({ providersDirs: [dir], dialects, uid }, { clock });
    await prepareWith({ providersDirs: [other], dialects, uid, takeover: true }, { clock });
    assert.equal(clock.seconds(), 0);
  });
});

describe('keymount prepare --keep', () => {
  /** Runs it until `play` is done. */
  async function keeping(
    args: { takeover?: boolean; dirs?: number },
    play: (dirs: string[], lines: string[]) => Promise<void>,
  ) {
    const dirs = Array.from({ length: args.dirs ?? 1 }, () => scratchFolder('keep'));
    const stop = new AbortController();
    const lines: string[] = [];
    const options = { providersDirs: dirs, dialects, uid, keep: true, takeover: args.takeover ?? false };
    const done = prepareWith(options, { stop: stop.signal, print: (text) => void lines.push(text) });
    try {
      await until(() => lines.length >= dirs.length);
      await play(dirs, lines);
    } finally {
      stop.abort();
    }
    assert.equal(await done, 0);
    for (const dir of dirs) assert.ok(lstatSync(join(dir, 'keymount.sock')).isSymbolicLink());
  }

  it('makes a link again that is gone, leads elsewhere or was replaced, in each directory', async () => {
    await keeping({ dirs: 2 }, async ([first = '', second = ''], lines) => {
      const target = join(first, 'keymount/vault.sock');
      const isBack = () =>
        existsLink(join(second, 'vault.sock'), target) && existsLink(join(first, 'vault.sock'), 'keymount/vault.sock');
      rmSync(join(second, 'vault.sock'));
      await until(isBack);
      rmSync(join(first, 'vault.sock'));
      symlinkSync('/somewhere/else', join(first, 'vault.sock'));
      await until(isBack);
      rmSync(join(first, 'vault.sock'));
      writeFileSync(join(first, 'vault.sock'), '');
      await until(isBack);
      rmSync(second, { recursive: true });
      await until(isBack);
      assert.match(lines.join(''), /second|vault\.sock is gone: it is a link to .* again/);
      assert.match(lines.join(''), /leads to \/somewhere\/else: it is a link/);
    });
  });

  it('writes one line of what a link was called, whatever that was', async () => {
    await keeping({}, async ([dir = ''], lines) => {
      rmSync(join(dir, 'vault.sock'));
      symlinkSync('x\nforged \u001b[31m line\u202e', join(dir, 'vault.sock'));
      await until(() => existsLink(join(dir, 'vault.sock'), 'keymount/vault.sock'));
      const told = lines.slice(1).join('');
      assert.match(told, /leads to x forged {1,2}\[31m line<U\+202E>: it is a link to .* again\n$/);
      assert.equal(told.split('\n').length, 2);
    });
  });

  for (const takeover of [false, true]) {
    it(`${takeover ? 'takes' : 'leaves'} the place of a provider that came back ${takeover ? 'with' : 'without'} --takeover`, async () => {
      await keeping({ takeover }, async ([dir = ''], lines) => {
        const path = join(dir, 'vault.sock');
        rmSync(path);
        symlinkSync('elsewhere', join(dir, 'x'));
        const server = await listen(join(dir, 'theirs.sock'));
        const { renameSync } = await import('node:fs');
        renameSync(join(dir, 'theirs.sock'), path);
        await until(() => lines.some((line) => (takeover ? /again/ : /left alone/).test(line)));
        assert.equal(lstatSync(path).isSymbolicLink(), takeover);
        server.close();
      });
    });
  }
});

function existsLink(path: string, target: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true && readlinkSync(path) === target;
}

async function until(isTrue: () => boolean): Promise<void> {
  for (const began = Date.now(); !isTrue(); ) {
    assert.ok(Date.now() - began < 5_000, 'it never came true');
    await systemClock.sleep(10);
  }
}

describe('keymount prepare --remove', () => {
  /** Every path below, with what it is. */
  const treeOf = (dir: string): string[] =>
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return `${path} ${entry.isSymbolicLink() ? readlinkSync(path) : entry.isDirectory() ? 'directory' : 'file'}`;
      })
      .toSorted();

  it('leaves each directory as it was before, whatever is in it', async () => {
    const name = fc.constantFrom(
      'vault.sock',
      'keymount.sock',
      'aws.sock',
      'other.sock',
      '.vault.sock.keymount',
      'deep/vault.sock',
      'readme',
    );
    const thing = fc.record({ at: name, kind: fc.constantFrom('file', 'link') });
    await fc.assert(
      fc.asyncProperty(
        fc.array(thing, { maxLength: 5 }),
        fc.array(thing, { maxLength: 3 }),
        async (inFirst, inSecond) => {
          const base = scratchFolder('remove');
          const dirs = [join(base, 'first'), join(base, 'second')] as const;
          const taken = new Set(dialects.flatMap((dialect) => [`${dialect}.sock`, `.${dialect}.sock.keymount`]));
          for (const [dir, things] of [
            [dirs[0], inFirst],
            [dirs[1], inSecond],
          ] as const) {
            mkdirSync(dir);
            // What stands in the place of a link is replaced by prepare, so it cannot come back.
            for (const { at, kind } of things.filter((each) => !taken.has(each.at))) {
              mkdirSync(dirname(join(dir, at)), { recursive: true });
              if (existsSync(join(dir, at)) || lstatSync(join(dir, at), { throwIfNoEntry: false })) continue;
              if (kind === 'file') writeFileSync(join(dir, at), 'theirs');
              else symlinkSync('keymount/elsewhere.sock', join(dir, at));
            }
          }
          const before = treeOf(base);
          const options = { providersDirs: dirs, dialects, uid };
          await prepareWith(options);
          assert.notDeepEqual(treeOf(base), before);
          await prepareWith({ ...options, remove: true });
          assert.deepEqual(treeOf(base), before);
          await prepareWith({ ...options, remove: true });
          assert.deepEqual(treeOf(base), before);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('takes away sockets that nobody answers on, and names what is not ours', async () => {
    const dir = scratchFolder('remove');
    const lines: string[] = [];
    const options = { providersDirs: [dir], dialects, uid };
    await prepareWith(options);
    const server = await listen(join(dir, 'keymount/x'));
    const { renameSync } = await import('node:fs');
    renameSync(join(dir, 'keymount/x'), join(dir, 'keymount/.keymount-admin.sock'));
    await end(server);
    writeFileSync(join(dir, 'keymount/theirs'), '');
    rmSync(join(dir, 'keymount.sock'));
    symlinkSync('elsewhere/keymount.sock', join(dir, 'keymount.sock'));
    await prepareWith({ ...options, remove: true }, { print: (text) => void lines.push(text) });
    assert.deepEqual(lines, [`removed ${dir}/vault.sock\n`, `${dir}/keymount stays, it holds theirs\n`]);
    assert.equal(readlinkSync(join(dir, 'keymount.sock')), 'elsewhere/keymount.sock');
    assert.deepEqual(readdirSync(join(dir, 'keymount')), ['theirs']);
  });

  it('waits for a keymount that still answers, and removes nothing under it', async (t) => {
    const dir = scratchFolder('remove');
    const options = { providersDirs: [dir], dialects, uid };
    await prepareWith(options);
    const server = await listen(join(dir, 'keymount/vault.sock'));
    t.after(() => server.close());
    const clock = fastClock();
    const before = treeOf(dir);
    await assert.rejects(
      prepareWith({ ...options, remove: true, wait: '5s' }, { clock }),
      /still answers on .*vault\.sock.*|socket-taken/,
    );
    assert.deepEqual([clock.seconds(), treeOf(dir)], [5, before]);
    const done = prepareWith(
      { ...options, remove: true },
      {
        clock: {
          ...clock,
          sleep: async (ms, signal) => {
            await clock.sleep(ms, signal);
            if (server.listening) await end(server);
          },
        },
      },
    );
    await done;
    assert.deepEqual(readdirSync(dir), []);
  });

  it('stays with --keep until it is told to stop', async () => {
    const dir = scratchFolder('remove');
    const stop = AbortSignal.timeout(50);
    assert.equal(await prepareWith({ providersDirs: [dir], dialects, uid, remove: true, keep: true }, { stop }), 0);
    assert.equal(stop.aborted, true);
  });
});

describe('the watch of links', () => {
  it('says of each what is wrong with it, once, and when it is back', async () => {
    const dir = scratchFolder('watch');
    const options = { providersDirs: [dir], dialects, uid };
    await prepareWith(options);
    const clock = new HandClock();
    const told: string[] = [];
    let look: () => void = () => {};
    const timer = (_ms: number, call: () => void) => {
      look = call;
      return () => {};
    };
    const watch = watchLinks({
      providersDirs: [dir],
      dialects,
      clock: { now: () => clock.time, sleep: clock.sleep, timer },
      onLost: (fault) => void told.push(`lost ${fault}`),
      onBack: (path) => void told.push(`back ${path}`),
      onUnseen: () => {},
    });
    assert.deepEqual(watch.faults(), []);
    rmSync(join(dir, 'vault.sock'));
    look();
    look();
    const gone = `${dir}/vault.sock is gone, it should be a link to keymount/vault.sock`;
    assert.deepEqual(watch.faults(), [gone]);
    symlinkSync('elsewhere', join(dir, 'vault.sock'));
    look();
    const elsewhere = `${dir}/vault.sock leads to elsewhere, it should be a link to keymount/vault.sock`;
    assert.deepEqual(watch.faults(), [elsewhere]);
    await prepareWith(options);
    look();
    assert.deepEqual(watch.faults(), []);
    assert.deepEqual(told, [`lost ${gone}`, `lost ${elsewhere}`, `back ${dir}/vault.sock`]);
    watch.stop();
  });

  it('takes links of a directory that is not there for gone, says nothing of what it cannot see, and watches nothing where none is named', () => {
    const told: string[] = [];
    const deps = {
      dialects,
      clock: systemClock,
      onLost: (fault: string) => void told.push(fault),
      onBack: () => {},
      onUnseen: (path: string, code: string) => void told.push(`${path} ${code}`),
    };
    const watch = watchLinks({ ...deps, providersDirs: [join(scratchFolder('watch'), 'absent')] });
    watch.stop();
    assert.equal(told.length, 2);
    assert.match(told[0] ?? '', /absent\/vault\.sock is gone/);
    const file = join(scratchFolder('watch'), 'file');
    writeFileSync(file, '');
    told.length = 0;
    const unseen = watchLinks({ ...deps, providersDirs: [file] });
    assert.deepEqual(
      [unseen.faults(), told],
      [[], ['vault', 'keymount'].map((name) => `${file}/${name}.sock ENOTDIR`)],
    );
    unseen.stop();
    const none = watchLinks({ ...deps, providersDirs: [] });
    assert.deepEqual(none.faults(), []);
    none.stop();
  });
});
