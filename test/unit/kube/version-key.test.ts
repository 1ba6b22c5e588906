import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { createKubeApi, type KubeApi } from '../../../provider/kube/api.ts';
import { createVersionKeys, type VersionKeyEvent, type VersionKeysDeps } from '../../../provider/kube/version-key.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { type KubeApiServer, kubeConfigOf, startKubeApi } from '../../lab/kube-api.ts';
import { scratchFolder } from '../../lab/scratch.ts';

const name = 'vault-csi-provider-hmac-key';
const path = `/api/v1/namespaces/csi/secrets/${name}`;
const minutes = 60_000;
const { signal } = new AbortController();

describe('the key of object versions', () => {
  let server: KubeApiServer;
  let api: KubeApi;
  let now: number;
  let filler: number;

  before(async () => {
    server = await startKubeApi();
    api = createKubeApi(kubeConfigOf(server), { clock: systemClock });
  });
  after(async () => {
    api.close();
    await server.close();
  });
  beforeEach(() => {
    now = 0;
    filler = 1;
    server.fault = () => undefined;
    server.calls.length = 0;
    server.secrets.clear();
  });

  /** A process of keymount, or another node's. Its random keys are 32 equal bytes, another for each. */
  function start(parts: Partial<VersionKeysDeps> = {}) {
    const events: VersionKeyEvent[] = [];
    const stateDir = parts.stateDir ?? scratchFolder('state');
    const keys = createVersionKeys({
      api,
      stateDir,
      clock: { now: () => now, sleep: systemClock.sleep },
      randomBytes: (size) => Buffer.alloc(size, filler++),
      report: (event) => void events.push(event),
      budget: 300,
      checkInterval: 3 * minutes,
      ...parts,
    });
    return { get: () => keys.get(name, signal), events, stateDir };
  }

  const file = (stateDir: string) => join(stateDir, `version-key.csi.${name}`);
  const seed = (key: Buffer, secret = name) =>
    server.secrets.set(`csi/${secret}`, { data: { key: key.toString('base64') } });
  const stored = () => Buffer.from(server.secrets.get(`csi/${name}`)?.data['key'] ?? '', 'base64');

  function unavailable(reason: RegExp, hint?: RegExp) {
    return (error: unknown) => {
      assert.ok(error instanceof KeymountError);
      assert.equal(error.code, 'version-key-unavailable');
      assert.match(error.reason ?? '', reason);
      if (hint !== undefined) assert.match(error.hint ?? '', hint);
      return true;
    };
  }

  it('is the one in the Secret, read once a process', async () => {
    seed(Buffer.alloc(32, 'a'));
    const one = start();
    for (let i = 0; i < 3; i++) assert.deepEqual(await one.get(), Buffer.alloc(32, 'a'));
    assert.deepEqual(server.calls, [`GET ${path}`]);
    assert.deepEqual(one.events, []);
  });

  it('is made where there is no Secret, immutable and of 32 bytes', async () => {
    const one = start();
    assert.deepEqual(await one.get(), Buffer.alloc(32, 1));
    assert.deepEqual(stored(), Buffer.alloc(32, 1));
    assert.equal(server.secrets.get(`csi/${name}`)?.immutable, true);
    assert.deepEqual(one.events, [{ event: 'created', secret: `csi/${name}` }]);
  });

  it('is the same on all nodes when all make it at once', async () => {
    const nodes = Array.from({ length: 8 }, () => start());
    const keys = await Promise.all(nodes.map((node) => node.get()));
    for (const key of keys) assert.deepEqual(key, stored());
    assert.equal(nodes.flatMap((node) => node.events).length, 1);
  });

  it("is the other's where another node is faster by a moment", async () => {
    server.fault = (call) => {
      if (call.startsWith('POST')) seed(Buffer.alloc(32, 'b'));
      return undefined;
    };
    const one = start();
    assert.deepEqual(await one.get(), Buffer.alloc(32, 'b'));
    assert.deepEqual(one.events, []);
  });

  it('is asked for once, however many Mounts wait for it', async () => {
    const one = start();
    await Promise.all(Array.from({ length: 110 }, () => one.get()));
    assert.deepEqual(server.calls, [`GET ${path}`, 'POST /api/v1/namespaces/csi/secrets']);
  });

  it('lies in another namespace if the settings say so, and each name has its own', async () => {
    server.secrets.set(`vault/${name}`, { data: { key: Buffer.alloc(32, 'v').toString('base64') } });
    seed(Buffer.alloc(32, 'o'), 'openbao-csi-provider-hmac-key');
    assert.deepEqual(await start({ namespace: 'vault' }).get(), Buffer.alloc(32, 'v'));
    const keys = createVersionKeys({
      api,
      stateDir: scratchFolder('state'),
      clock: systemClock,
      randomBytes: () => assert.fail('there is a key'),
      report: () => undefined,
    });
    assert.deepEqual(await keys.get('openbao-csi-provider-hmac-key', signal), Buffer.alloc(32, 'o'));
  });

  describe('is remembered in the state directory', () => {
    it('in a file that only the owner can read, and no other file', async () => {
      const { get, stateDir } = start();
      await get();
      assert.deepEqual(readdirSync(stateDir), [`version-key.csi.${name}`]);
      assert.equal(statSync(file(stateDir)).mode & 0o777, 0o600);
    });

    it('so that a restart works while the API server is away, at once', async () => {
      seed(Buffer.alloc(32, 'a'));
      const { get, stateDir } = start();
      await get();
      await server.goAway();
      try {
        const restarted = start({ stateDir });
        assert.deepEqual(await restarted.get(), Buffer.alloc(32, 'a'));
        await until(() => restarted.events.length > 0);
        assert.equal(restarted.events[0]?.event, 'check-failed');
      } finally {
        await server.comeBack();
      }
    });

    it('so that a restart works while the API server hangs, at once', async () => {
      const { get, stateDir } = start();
      const key = await get();
      server.fault = () => 'hang';
      const restarted = start({ stateDir, budget: 5_000 });
      const started = performance.now();
      assert.deepEqual(await restarted.get(), key);
      assert.ok(performance.now() - started < 100);
    });

    it('and the Secret wins where it holds another key, for only it is the same on all nodes', async () => {
      const { get, stateDir } = start();
      await get();
      seed(Buffer.alloc(32, 'z'));
      const restarted = start({ stateDir });
      await restarted.get();
      await until(() => restarted.events.length > 0);
      assert.deepEqual(restarted.events, [{ event: 'replaced', secret: `csi/${name}` }]);
      assert.deepEqual(await restarted.get(), Buffer.alloc(32, 'z'));
      await until(() => readFileSync(file(stateDir), 'utf8').trim() === Buffer.alloc(32, 'z').toString('base64'));
    });

    it('and a file that is cut off counts for nothing', async () => {
      seed(Buffer.alloc(32, 'a'));
      const { get, stateDir } = start();
      await get();
      for (const content of ['', 'YWFh', 'YWFhYWFhYWFhYWFhYWFhYQ']) {
        writeFileSync(file(stateDir), content);
        const restarted = start({ stateDir });
        assert.deepEqual(await restarted.get(), Buffer.alloc(32, 'a'));
        assert.deepEqual(restarted.events, [
          { event: 'file-unusable', secret: `csi/${name}`, reason: 'not a version key file' },
        ]);
      }
    });

    it('and where that fails, the Mount does not', async () => {
      seed(Buffer.alloc(32, 'a'));
      const stateDir = join(scratchFolder('state'), 'missing');
      const one = start({ stateDir });
      assert.deepEqual(await one.get(), Buffer.alloc(32, 'a'));
      assert.deepEqual(one.events, [{ event: 'not-remembered', secret: `csi/${name}`, reason: 'ENOENT' }]);
    });
  });

  describe('is looked after beside the Mounts', () => {
    it('and made again with the same key when somebody deleted the Secret', async () => {
      const one = start();
      const key = await one.get();
      server.secrets.clear();
      now += 3 * minutes;
      assert.deepEqual(await one.get(), key);
      await until(() => one.events.length > 1);
      assert.deepEqual(one.events[1], { event: 'recreated', secret: `csi/${name}` });
      assert.deepEqual(stored(), key);
    });

    it('or taken from whoever made it again with another key by a moment earlier', async () => {
      const one = start();
      await one.get();
      server.secrets.clear();
      server.fault = (call) => {
        if (call.startsWith('POST')) seed(Buffer.alloc(32, 'b'));
        return undefined;
      };
      now += 3 * minutes;
      await one.get();
      await until(() => one.events.length > 1);
      assert.deepEqual(one.events[1], { event: 'replaced', secret: `csi/${name}` });
      assert.deepEqual(await one.get(), Buffer.alloc(32, 'b'));
    });

    it('but not more often than every three minutes, whatever comes of it', async () => {
      const one = start();
      await one.get();
      server.calls.length = 0;
      server.fault = () => ({ status: 500, reason: 'InternalError', message: 'etcd is away' });
      for (let second = 0; second < 600; second++) {
        now += 1000;
        await one.get();
      }
      await until(() => one.events.length === 4);
      assert.deepEqual(server.calls, [`GET ${path}`, `GET ${path}`, `GET ${path}`]);
      assert.deepEqual(
        one.events.slice(1).map((event) => event.event),
        ['check-failed', 'check-failed', 'check-failed'],
      );
    });

    it('while a Mount is not delayed by an API server that hangs', async () => {
      const one = start({ budget: 5_000 });
      const key = await one.get();
      server.fault = () => 'hang';
      now += 10 * minutes;
      const started = performance.now();
      assert.deepEqual(await one.get(), key);
      assert.ok(performance.now() - started < 100);
    });

    it('and a file that could not be written is written later', async () => {
      seed(Buffer.alloc(32, 'a'));
      const missing = join(scratchFolder('state'), 'later');
      const one = start({ stateDir: missing });
      await one.get();
      mkdirSync(missing);
      now += 3 * minutes;
      await one.get();
      await until(() => existsSync(file(missing)));
    });
  });

  describe('is an error, fast, and never an empty version', () => {
    it('when the API server hangs and nobody has the key yet', async () => {
      server.fault = () => 'hang';
      const started = performance.now();
      await assert.rejects(start().get(), unavailable(/no whole answer/));
      assert.ok(performance.now() - started < 1000);
    });

    it('when the second of the calls hangs: all together have one budget', async () => {
      server.fault = (call) => (call.startsWith('POST') ? 'hang' : undefined);
      const started = performance.now();
      await assert.rejects(start().get(), unavailable(/no whole answer/));
      assert.ok(performance.now() - started < 1000);
    });

    it('when the API server is away, and works once it is back', async () => {
      const one = start();
      await server.goAway();
      await assert.rejects(one.get(), unavailable(/refused/)).finally(() => server.comeBack());
      assert.deepEqual(await one.get(), stored());
    });

    it('when RBAC does not let keymount read or make the Secret: it names the rule', async () => {
      server.fault = () => ({ status: 403, reason: 'Forbidden', message: `secrets "${name}" is forbidden` });
      await assert.rejects(start().get(), unavailable(/403 Forbidden/, /get and create secrets in namespace csi/));
      server.fault = (call) =>
        call.startsWith('POST') ? { status: 403, reason: 'Forbidden', message: 'secrets is forbidden' } : undefined;
      await assert.rejects(start().get(), unavailable(/403 Forbidden/, /get and create secrets in namespace csi/));
    });

    it('when the Secret holds no key, or one that could be guessed', async () => {
      server.secrets.set(`csi/${name}`, { data: {} });
      await assert.rejects(start().get(), unavailable(/"key" is missing/));
      seed(Buffer.alloc(15, 1));
      await assert.rejects(start().get(), unavailable(/shorter than 16 bytes/));
    });

    it('and shows nothing of the key', async () => {
      seed(Buffer.from('canary-key'));
      const error = await start()
        .get()
        .catch((thrown: unknown) => thrown);
      assert.ok(error instanceof KeymountError);
      assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)}`, /canary|Y2FuYXJ5/);
    });
  });

  describe('without a cluster', () => {
    it('is made once, in the state directory', async () => {
      const { get, stateDir } = start({ api: undefined });
      assert.deepEqual(await get(), Buffer.alloc(32, 1));
      assert.deepEqual(await start({ api: undefined, stateDir }).get(), Buffer.alloc(32, 1));
      assert.deepEqual(server.calls, []);
    });

    it('is an error where the file cannot be written or is broken: another key would change all versions', async () => {
      const { get, stateDir } = start({ api: undefined });
      await get();
      writeFileSync(join(stateDir, `version-key.${name}`), 'broken');
      await assert.rejects(start({ api: undefined, stateDir }).get(), unavailable(/not a version key file/));
      const missing = join(stateDir, 'missing');
      await assert.rejects(
        start({ api: undefined, stateDir: missing }).get(),
        unavailable(/ENOENT/, /state directory/),
      );
    });
  });
});

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 3_000;
  while (!condition()) {
    assert.ok(performance.now() < end, 'it did not happen within 3 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
