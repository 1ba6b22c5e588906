import assert from 'node:assert/strict';
import { promises as fs, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Clock, systemClock } from '../../../provider/util/clock.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { type Certificate, makeCa, makeLeaf } from './certificates.ts';
import { askTls, outcomeOf, poolTo, startTls } from './tls-lab.ts';

describe('the file of the CA', () => {
  const folder = scratchFolder('looks');
  const path = join(folder, 'ca.pem');
  const one = makeCa('one');
  const two = makeCa('two');
  let now = 0;
  const clock: Clock = { ...systemClock, now: () => now };

  function replace({ cert }: Certificate): void {
    writeFileSync(join(folder, 'new.pem'), cert);
    renameSync(join(folder, 'new.pem'), path);
  }

  /** How often the file was looked at. */
  function countLooks(t: TestContext): () => number {
    const { stat } = fs;
    let looks = 0;
    t.mock.method(fs, 'stat', (...args: Parameters<typeof stat>) => {
      if (args[0] === path && (args[1] as { bigint?: boolean } | undefined)?.bigint) looks++;
      return stat(...args);
    });
    return () => looks;
  }

  it('is looked at at once after a failed handshake, and the request gets through', async (t) => {
    replace(one);
    const server = await startTls(t, makeLeaf(one));
    const pool = poolTo(t, server, { ca: { path } }, { clock });
    assert.equal(await askTls(pool), 'ok');
    server.setSecureContext(makeLeaf(two));
    server.closeAllConnections();
    replace(two);
    now += 400;
    assert.equal(await askTls(pool), 'ok');
  });

  it('is looked at a few times a second at most, however many handshakes fail', async (t) => {
    replace(one);
    const server = await startTls(t, makeLeaf(two));
    const looks = countLooks(t);
    const pool = poolTo(t, server, { ca: { path } }, { clock });
    for (let round = 0; round < 4; round++) {
      await Promise.all(Array.from({ length: 8 }, () => outcomeOf(pool)));
    }
    assert.equal(looks(), 1, 'no time has passed');
    now += 300;
    await Promise.all(Array.from({ length: 8 }, () => outcomeOf(pool)));
    assert.equal(looks(), 2);
  });

  it('is not looked at more often where handshakes succeed', async (t) => {
    replace(one);
    const server = await startTls(t, makeLeaf(one));
    const looks = countLooks(t);
    const pool = poolTo(t, server, { ca: { path } }, { clock });
    for (let round = 0; round < 4; round++) {
      assert.equal(await askTls(pool), 'ok');
      now += 1_000;
    }
    assert.equal(looks(), 1);
  });
});
