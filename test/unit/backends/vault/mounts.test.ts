import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Ask, type Found, Mounts } from '../../../../provider/backends/vault/mounts.ts';
import { gate } from '../../sessions/fake-store.ts';

const never = new AbortController().signal;
const minutes = 60_000;

/** Mounts of a server on which `good` may look at everything and other tokens at nothing. */
function mountsOf(types: Record<string, { type: string; options?: object }>, held: Promise<void> = Promise.resolve()) {
  const asked: string[] = [];
  const clock = { time: 1_000_000 };
  const ask: Ask = async (target, token) => {
    asked.push(`${token} ${target}`);
    await held;
    const path = target.slice('sys/internal/ui/mounts/'.length);
    const mount = Object.keys(types).find((prefix) => path.startsWith(prefix));
    const allowed = token === 'good' && mount !== undefined;
    const body = JSON.stringify(allowed ? { data: { path: mount, ...types[mount] } } : { errors: ['no'] });
    return { status: allowed ? 200 : 403, headers: {}, body: Buffer.from(body) };
  };
  return { mounts: new Mounts(ask, () => clock.time), asked, clock, types };
}

const engineOf = (found: Found) => ('mount' in found ? found.mount.engine : found.reply.status);

describe('the mounts of a server', () => {
  const kv2 = { type: 'kv', options: { version: '2' } };

  it('are asked for once, for all paths below one and for whoever comes', async () => {
    const { mounts, asked } = mountsOf({ 'kv/': kv2 });
    for (const path of ['kv/data/a', 'kv/data/b'])
      assert.equal(engineOf(await mounts.find(path, 'good', never)), 'kv2');
    // What a mount is, is no secret of the token that was asked with; what may be read there is asked of the server.
    assert.equal(engineOf(await mounts.find('kv/data/a', 'bad', never)), 'kv2');
    assert.deepEqual(asked, ['good sys/internal/ui/mounts/kv/data/a']);
  });

  it('are refused to one token without a word about another', async () => {
    const { opened, open } = gate();
    const { mounts, asked } = mountsOf({ 'kv/': kv2 }, opened);
    const both = ['bad', 'good'].map((token) => mounts.find('kv/data/a', token, never));
    open();
    assert.deepEqual((await Promise.all(both)).map(engineOf), [403, 'kv2']);
    assert.equal(asked.length, 2);
  });

  it('are not taken for one another where paths begin alike', async () => {
    const { opened, open } = gate();
    const { mounts } = mountsOf({ 'team/kv/': kv2, 'team/db/': { type: 'database' } }, opened);
    const both = ['team/kv/data/a', 'team/db/creds/a'].map((path) => mounts.find(path, 'good', never));
    open();
    assert.deepEqual((await Promise.all(both)).map(engineOf), ['kv2', 'api']);
  });

  it('may become others within five minutes', async () => {
    const { mounts, clock, types } = mountsOf({ 'kv/': { type: 'kv', options: { version: '1' } } });
    assert.equal(engineOf(await mounts.find('kv/a', 'good', never)), 'kv1');
    types['kv/'] = kv2;
    clock.time += 5 * minutes - 1;
    assert.equal(engineOf(await mounts.find('kv/a', 'good', never)), 'kv1');
    clock.time += 1;
    assert.equal(engineOf(await mounts.find('kv/a', 'good', never)), 'kv2');
  });

  it('are nothing to go by where the server names one that the path is not below', async () => {
    const asked: string[] = [];
    const body = Buffer.from(JSON.stringify({ data: { path: 'kv/', ...kv2 } }));
    const mounts = new Mounts(
      async (target) => {
        asked.push(target);
        return { status: 200, headers: {}, body };
      },
      () => 0,
    );
    for (let look = 0; look < 2; look++)
      assert.equal(engineOf(await mounts.find('child/kv/data/a', 'good', never)), 200);
    assert.equal(asked.length, 2);
  });
});
