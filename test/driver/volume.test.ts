import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type FileStore, makeFileStore } from '../e2e/file-store.ts';
import { canaries, forEachBuild, type Keymount, startKeymount } from '../e2e/keymount.ts';
import { driverRequest } from '../lab/driver-attributes.ts';
import { aPod } from '../lab/pod.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { requires } from '../lab/tools.ts';
import { type DriverOutcome, driverMount } from './drivermount.ts';

describe("the driver's own client and writer", requires('drivermount'), () => {
  forEachBuild('with keymount', (build) => {
    const pod = aPod();
    let store: FileStore;
    let keymount: Keymount;
    before(async () => {
      store = makeFileStore();
      store.put('db.json', JSON.stringify({ username: 'app', password: store.password }));
      keymount = await startKeymount({ build, args: [...store.args, '--vault-retries', '0'] });
    });
    after(() => keymount.stop());

    const classes = {
      db: [
        { file: 'db/username', secret: 'db', key: 'username' },
        { file: 'db/password', secret: 'db', key: 'password', mode: '0400' },
        { file: 'whole.json', secret: 'db' },
      ],
      username: [{ file: 'db/username', secret: 'db', key: 'username' }],
      absent: [{ file: 'absent', secret: 'absent' }],
      optional: [{ file: 'absent', secret: 'absent', optional: true }],
    };
    const requestOf = (name: keyof typeof classes) => {
      const objects = JSON.stringify(classes[name]);
      return driverRequest({ pod, className: name, parameters: { connection: 'local', objects } });
    };
    const mount = async (target: string, name: keyof typeof classes): Promise<DriverOutcome> => {
      const outcome = await driverMount(keymount.socket('keymount'), target, requestOf(name));
      canaries.collect('what the driver says', JSON.stringify(outcome));
      return outcome;
    };
    const read = (target: string, path: string) => readFileSync(join(target, path), 'utf8');
    const dataOf = (target: string) => readlinkSync(join(target, '..data'));

    it('writes the files with their modes behind ..data, and hands their versions on', async () => {
      const target = scratchFolder('volume');
      const { status, error, code, versions } = await mount(target, 'db');
      assert.deepEqual([status, error, code], ['OK', '', '']);
      assert.deepEqual(Object.keys(versions).sort(), ['db/password', 'db/username', 'whole.json']);
      for (const version of Object.values(versions)) assert.match(version, /^[\w-]{43}=$/);
      assert.deepEqual(readdirSync(target).sort(), ['..data', dataOf(target), 'db', 'whole.json'].sort());
      assert.ok(lstatSync(join(target, 'db')).isSymbolicLink());
      assert.equal(read(target, 'db/username'), 'app');
      assert.equal(read(target, 'db/password'), store.password);
      assert.deepEqual(JSON.parse(read(target, 'whole.json')), { username: 'app', password: store.password });
      const modes = ['db/username', 'db/password', 'whole.json'].map(
        (path) => statSync(join(target, path)).mode & 0o777,
      );
      assert.deepEqual(modes, [0o644, 0o400, 0o644]);
    });

    it('touches nothing where nothing changed, and swaps ..data where something did', async () => {
      const target = scratchFolder('volume');
      const first = await mount(target, 'db');
      const data = dataOf(target);
      assert.deepEqual(await mount(target, 'db'), first);
      assert.equal(dataOf(target), data);

      const password = canaries.plant('the changed password');
      store.put('db.json', JSON.stringify({ username: 'app', password }));
      const changed = await mount(target, 'db');
      assert.notEqual(dataOf(target), data);
      assert.ok(!existsSync(join(target, data)));
      assert.equal(read(target, 'db/password'), password);
      assert.equal(changed.versions['db/username'], first.versions['db/username']);
      assert.notEqual(changed.versions['db/password'], first.versions['db/password']);
      assert.notEqual(changed.versions['whole.json'], first.versions['whole.json']);
    });

    it('removes files that the class lost, and the last one as well', async () => {
      const target = scratchFolder('volume');
      await mount(target, 'db');
      assert.equal((await mount(target, 'username')).status, 'OK');
      assert.deepEqual(readdirSync(join(target, 'db')), ['username']);
      assert.ok(!existsSync(join(target, 'whole.json')));
      const { status, error, versions } = await mount(target, 'optional');
      assert.deepEqual([status, error], ['OK', '']);
      assert.deepEqual(Object.keys(versions), ['.keymount-empty']);
      assert.deepEqual(readdirSync(target).sort(), ['..data', dataOf(target), '.keymount-empty'].sort());
    });

    it('tells an error in the words of keymount, and leaves the files as they are', async () => {
      const target = scratchFolder('volume');
      await mount(target, 'db');
      const data = dataOf(target);
      const { status, error, code, versions } = await mount(target, 'absent');
      assert.deepEqual([status, code, versions], ['NotFound', 'GRPCProviderError', {}]);
      assert.match(error, /objects\[0\] "absent" \(line 1\): .*absent.* \[secret-missing\]$/);
      assert.equal(dataOf(target), data);
    });

    // the tries of the driver take two seconds
    if (build === 'sources') return;
    it('tries a backend that cannot be reached three times, and nothing else more than once', async () => {
      const mounts = () => keymount.log().filter(({ event }) => event === 'mount').length;
      const objects = JSON.stringify([
        { objectName: 'password', secretPath: 'secret/data/app', secretKey: 'password' },
      ]);
      const parameters = { vaultAddress: 'http://127.0.0.1:1', roleName: 'app', objects };
      const tokens = { vault: { token: canaries.plantToken('a token'), expirationTimestamp: '2036-01-01T00:00:00Z' } };
      const before = mounts();
      const outcome = await driverMount(
        keymount.socket('vault'),
        scratchFolder('volume'),
        driverRequest({ pod, parameters, tokens }),
      );
      assert.equal(outcome.status, 'Unavailable');
      assert.match(outcome.error, /cannot reach http:\/\/127\.0\.0\.1:1: .*\[backend-unreachable\]$/);
      assert.equal(mounts() - before, 3);
      await mount(scratchFolder('volume'), 'absent');
      assert.equal(mounts() - before, 4);
    });
  });
});
