import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf, sourcesOf } from '../sessions/fake-store.ts';
import { pod, World } from './keeping-world.ts';

const db = 'creds/db';
const hour = 3_600;

/** Pod tokens of an hour, tokens of 20 minutes, credentials that are renewed for days. */
function worldOf(checksLogins: boolean): World {
  const world = new World();
  const { issuer } = world.outside;
  issuer.podToken = hour;
  issuer.checksLogins = checksLogins;
  issuer.token = { ttl: 1_200, max: 720_000 };
  issuer.terms.set(db, { ttl: 1_800, max: 720_000 });
  return world;
}

describe('where the server renews no further than the login', () => {
  let world: World;
  beforeEach(() => {
    world = worldOf(true);
  });

  it('replaces what was issued in time, as often as kubelet has another token, and loses nothing', async () => {
    const changes = await world.live([db], 5 * hour);
    // Kubelet has another token every 48 minutes; the last renewal is just before the end of an hour.
    assert.deepEqual(
      changes.map((change) => Number(change.split(' ')[0])),
      [0, 4_485, 7_395, 10_305, 13_140, 16_050],
    );
    const { 'login-ended': ended, lost, 'renewal-failed': failed } = world.told();
    assert.deepEqual([ended, lost, failed], [6, undefined, undefined]);
    // The first one was tried, and told for all.
    assert.equal(world.outside.issuer.count(/renew t1$/), 6);
  });

  it('lets the old one run out, and ends with the pod what is there', async () => {
    await world.live([db], 4_600);
    const { issuer } = world.outside;
    assert.deepEqual(issuer.live(), [`${db}#1`, `${db}#2`]);
    assert.equal(issuer.isLive('t1'), true);
    await world.end(pod);
    assert.deepEqual([issuer.live(), issuer.isLive('t1'), issuer.isLive('t2')], [[], false, false]);
    assert.equal(world.outside.files.size, 0);
  });

  it('keeps a certificate that does not end with its token, in its own time, and takes it back with the pod', async () => {
    const { issuer } = world.outside;
    const revoked = 'cert/revoked';
    issuer.terms.set(revoked, { ttl: 4 * hour });
    const changes = await world.live([revoked, db], 2 * hour);
    const [certificates, users] = [revoked, db].map(
      (address) => new Set(changes.map((change) => JSON.parse(change.slice(change.indexOf('{')))[address])).size,
    );
    assert.deepEqual([certificates, users], [1, 2]);
    // Also through a restart, and over the next token.
    const next = await world.restart();
    await next.live([revoked, db], hour / 2);
    assert.equal(issuer.count(/read cert/), 1);
    await next.end(pod);
    assert.deepEqual([issuer.count(/take back 1 by t3/), issuer.count(/take back/), issuer.live()], [1, 1, []]);
  });

  it('logs in for a certificate alone, which stays as it is', async () => {
    const { issuer } = world.outside;
    issuer.terms.set('cert/a', { ttl: 24 * hour });
    assert.equal((await world.live(['cert/a'], 5 * hour)).length, 1);
    assert.deepEqual([issuer.logins.length, issuer.count(/read/)], [6, 1]);
    await world.end(pod);
    assert.equal([...issuer.tokens.keys()].filter((token) => issuer.isLive(token)).length, 0);
  });

  it('has no Mount go on with a session that another one replaced', async () => {
    const { issuer } = world.outside;
    issuer.terms.set('cert/a', { ttl: 24 * hour });
    const [source] = sourcesOf('cert/a');
    assert.ok(source);
    const wish = { connection: issuer.connection, source, caller: pod };
    await world.mount(['cert/a']);
    const { held } = await world.sessions.get(wish, new AbortController().signal);
    assert.equal(world.leases.isEnding(held, 'v'), false);
    await world.live(['cert/a'], 4_600);
    assert.equal(world.leases.isEnding(held, 'v'), true);
    assert.equal(issuer.count(/read cert/), 1);
  });

  it('takes nothing up for a process that has handed over', async () => {
    const { issuer } = world.outside;
    issuer.terms.set('cert/a', { ttl: 24 * hour });
    const [source] = sourcesOf('cert/a');
    assert.ok(source);
    const wish = { connection: issuer.connection, source, caller: pod };
    const { signal } = new AbortController();
    await world.mount(['cert/a']);
    const { held } = await world.sessions.get(wish, signal);
    const fresh = await world.sessions.replace(held, wish, signal);
    world.leases.close();
    await world.leases.succeed(held, fresh, wish);
    assert.equal([...world.leases.list()].length, 1);
  });

  it('says so once of a token, however often it is asked about', async () => {
    const { issuer } = world.outside;
    await world.mount([db]);
    await world.pass(hour + 65);
    issuer.fault = (_call, what) =>
      what.startsWith('kv/denied') ? new KeymountError('secret-denied', 'no') : undefined;
    for (const name of ['a', 'b', 'c']) await world.mount([db, `kv/denied-${name}`]);
    assert.equal(world.told()['login-ended'], 1);
  });

  it('learns it once for all pods of the server', async () => {
    const other = callerOf(aPod({ uid: 'another', name: 'other' }));
    await world.mount([db]);
    await world.mount([db], other);
    for (let passed = 0; passed < 2 * hour; passed += 75) {
      await world.mount([db]);
      await world.mount([db], other);
      await world.pass(75);
    }
    // One trial behind the end of the login, and none by the other.
    const { issuer } = world.outside;
    const behind = issuer.calls.filter((call) => / renew t[12]$/.test(call) && Number(call.split(' ')[0]) > hour);
    assert.equal(behind.length, 1, behind.join());
    assert.deepEqual([world.told()['login-ended'], world.told()['login-short']], [4, 1]);
  });

  it('says how short logins are, once, and again after a restart with the first that it takes up', async () => {
    await world.live([db], 2 * hour);
    const [told] = world.events.filter(({ event }) => event === 'login-short');
    assert.equal(told?.what, '60 min');
    const next = await world.restart();
    assert.deepEqual(
      next.events.filter(({ event }) => event === 'login-short').map(({ what }) => what),
      ['60 min'],
    );
  });

  it('goes on so after a restart', async () => {
    await world.live([db], 2 * hour);
    const next = await world.restart();
    const changes = await next.live([db], hour);
    assert.deepEqual([changes.length, next.told()['lost']], [3, undefined]);
    assert.deepEqual(next.told()['renewal-failed'], undefined);
  });

  it('goes on trying while Kubernetes cannot be asked, and forgets no token for it', async () => {
    const { issuer } = world.outside;
    await world.mount([db]);
    issuer.fault = (call, what) =>
      call === 'renew' && what === 't1' ? new KeymountError('backend-unreachable', 'it could not look') : undefined;
    await world.pass(900);
    assert.ok(issuer.count(/renew t1/) > 3);
    issuer.fault = () => undefined;
    await world.pass(60);
    assert.equal(world.told()['lost'], undefined);
    assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
  });

  it('does not take for lost what is asked whether it lives', async () => {
    const { issuer } = world.outside;
    await world.mount([db]);
    await world.pass(hour + 65);
    issuer.fault = (_call, what) => (what === 'kv/denied' ? new KeymountError('secret-denied', 'no') : undefined);
    assert.equal((await world.mount([db, 'kv/denied']))['kv/denied'], 'secret-denied');
    assert.equal(issuer.isLive(`${db}#1`), true);
    assert.equal(issuer.logins.length, 1);
    assert.deepEqual([world.told()['lost'], world.told()['login-ended']], [undefined, 1]);
  });
});

describe('where the server renews on', () => {
  it('replaces nothing, and asks once more at most', async () => {
    const world = worldOf(false);
    assert.equal((await world.live([db], 6 * hour)).length, 1);
    assert.deepEqual([world.told()['login-ended'], world.told()['login-short']], [undefined, undefined]);
    assert.equal(world.outside.issuer.logins.length, 1);
  });

  it('learns it again when it is another server by now', async () => {
    const world = worldOf(false);
    const { issuer } = world.outside;
    await world.live([db], 2 * hour);
    issuer.checksLogins = true;
    await world.live([db], 2 * hour);
    assert.deepEqual([world.told()['lost'], issuer.live().length > 0], [undefined, true]);
    assert.ok((world.told()['login-ended'] ?? 0) >= 1);
  });

  it('tries again after a day whether it still ends tokens with their logins', async () => {
    const world = worldOf(true);
    await world.live([db], 2 * hour);
    world.outside.issuer.checksLogins = false;
    const before = world.outside.issuer.logins.length;
    await world.live([db], 27 * hour);
    const during = world.outside.issuer.logins.length - before;
    await world.live([db], 6 * hour);
    assert.ok(during > 20, String(during));
    assert.equal(world.outside.issuer.logins.length, before + during);
  });
});
