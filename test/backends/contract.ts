import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Backend, BackendDeps, Login, Secret, Session } from '../../provider/backends/backend.ts';
import { formatError, KeymountError } from '../../provider/errors.ts';
import type { Source } from '../../provider/plan/plan.ts';
import { type NewSource, Sources } from '../../provider/plan/sources.ts';
import { goJson } from '../../provider/render/json.ts';
import { systemClock } from '../../provider/util/clock.ts';

/** A backend with a real store behind it, empty at first. */
export interface Harness {
  readonly backend: Backend;
  /** The settings of a named connection as the configuration file has them, without `kind` and `allow`. */
  readonly settings: Record<string, unknown>;
  readonly login: Login;
  /** How a class names the secret that `put` wrote under this name. Names are `a/b`-like and lower case. */
  readonly address: (name: string) => string;
  /** How a message names it, where that is not the name itself. */
  readonly shown?: (name: string) => string;
  /** Writes a secret with these keys; `json` is the text of a JSON object, stored with the digits that it has. */
  readonly put: (name: string, json: string) => Promise<void>;
  /** An object with numbers, keys sorted, that the store keeps digit by digit; default `exactNumbers`. */
  readonly numbers?: string;
  readonly remove: (name: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

export const contractDeps: BackendDeps = {
  clock: systemClock,
  random: () => 0.5,
  proxy: { https: undefined, http: undefined, no: [] },
  replyBytes: 4 * 1024 * 1024,
  onRequest: () => {},
};

/** What a login has that comes from the cluster, where there is none. */
export const noCluster = {
  annotations: async () => new Map<string, string>(),
  nodeLabels: async () => new Map<string, string>(),
};

/** Numbers that floating point would change. */
export const exactNumbers = '{"f":1.0,"n":12345678901234567890,"o":{"a":[0.10],"z":1e5}}';

/** A source as a native class makes it. */
export function sourceOf(address: string, more: Partial<NewSource> = {}): Source {
  const sources = new Sources();
  const access = { connection: { kind: 'named', name: 'store' } } as const;
  sources.add({ access, address, at: { path: 'objects[0]', name: 'file' }, ...more });
  return sources.list[0] as Source;
}

/** What every backend promises; see provider/backends/backend.ts. */
export function backendContract(
  title: string,
  start: () => Promise<Harness>,
  options: { skip?: string | false } = {},
): void {
  describe(title, options, () => {
    let harness: Harness;
    let session: Session;

    before(async () => {
      harness = await start();
      session = await connect(harness);
    });
    after(async () => {
      session.close();
      await harness.close();
    });

    const read = (...names: string[]) =>
      Promise.allSettled(
        session.read(
          names.map((name) => harness.backend.parseRef(sourceOf(harness.address(name)))),
          new AbortController().signal,
        ),
      );

    it('takes the settings of a connection and refuses what it does not know', () => {
      const { connectionSchema } = harness.backend;
      assert.ok(connectionSchema.safeParse(harness.settings).success);
      const odd = connectionSchema.safeParse({ ...harness.settings, colour: 'blue' });
      assert.ok(!odd.success);
      assert.match(JSON.stringify(odd.error.issues), /colour/);
    });

    it('gives the keys of a secret, numbers with the digits that they have', async () => {
      const { numbers = exactNumbers } = harness;
      await harness.put('shop/numbers', numbers);
      const [secret] = values(await read('shop/numbers'));
      assert.equal(goJson(secret?.keys ?? {}), numbers);
    });

    it('gives keys that JavaScript objects have by themselves only where the secret has them', async () => {
      await harness.put('shop/odd', '{"__proto__":"p","constructor":"c"}');
      await harness.put('shop/plain', '{"k":"v"}');
      const [odd, plain] = values(await read('shop/odd', 'shop/plain'));
      assert.deepEqual(Object.entries(odd?.keys ?? {}).sort(), [
        ['__proto__', 'p'],
        ['constructor', 'c'],
      ]);
      assert.deepEqual(Object.keys(plain?.keys ?? {}), ['k']);
    });

    it('answers each of several reads on its own, in their order', async () => {
      await harness.put('shop/one', '{"k":"1"}');
      await harness.put('shop/two', '{"k":"2"}');
      const [one, missing, two] = await read('shop/one', 'shop/missing', 'shop/two');
      assert.ok(one?.status === 'fulfilled' && two?.status === 'fulfilled');
      assert.deepEqual([one.value.keys?.['k'], two.value.keys?.['k']], ['1', '2']);
      const error = errorOf(missing);
      assert.equal(error.code, 'secret-missing');
      const { shown = (name) => name } = harness;
      assert.ok(formatError(error).includes(shown('shop/missing')), formatError(error));
      assert.ok(!session.isAuthorityLost(error));
    });

    it('reads a changed secret as it is now, and a removed one no more', async () => {
      await harness.put('shop/changing', '{"k":"old"}');
      const [before] = values(await read('shop/changing'));
      const [again] = values(await read('shop/changing'));
      assert.equal(again?.version, before?.version);
      await harness.put('shop/changing', '{"k":"new"}');
      const [changed] = values(await read('shop/changing'));
      assert.equal(changed?.keys?.['k'], 'new');
      await harness.remove('shop/changing');
      const error = errorOf((await read('shop/changing'))[0]);
      assert.ok(['secret-missing', 'secret-deleted'].includes(error.code), error.code);
    });

    it('refuses addresses that lead out of the store or nowhere, before it asks', () => {
      for (const name of ['', '../x', 'shop/../../x', 'shop//x', 'shop/./x', 'shop/\u0000x', 'shop/x\n']) {
        assert.throws(
          () => harness.backend.parseRef(sourceOf(name)),
          (thrown) => thrown instanceof KeymountError && thrown.code === 'class-invalid',
          JSON.stringify(name),
        );
      }
    });

    it('gives up when it is told to, and says so', async () => {
      await harness.put('shop/one', '{"k":"1"}');
      const given = AbortSignal.abort(new KeymountError('deadline-exceeded', 'the deadline passed'));
      const refs = [harness.backend.parseRef(sourceOf(harness.address('shop/one')))];
      assert.equal(errorOf((await Promise.allSettled(session.read(refs, given)))[0]).code, 'deadline-exceeded');
    });

    it('reads many secrets at once', async () => {
      const names = Array.from({ length: 40 }, (_, index) => `many/s${index}`);
      for (const name of names) await harness.put(name, `{"k":"${name}"}`);
      const secrets = values(await read(...names));
      assert.deepEqual(
        secrets.map(({ keys }) => keys?.['k']),
        names,
      );
    });
  });
}

/** A session for the harness's login. */
export async function connect({ backend, settings, login }: Harness): Promise<Session> {
  const signal = new AbortController().signal;
  return await backend.connect(backend.connectionSchema.parse(settings), login, contractDeps, signal);
}

function values(results: PromiseSettledResult<Secret>[]): Secret[] {
  return results.map((result) => {
    if (result.status === 'fulfilled') return result.value;
    throw result.reason;
  });
}

/** The catalogue error of a read that failed. */
export function errorOf(result: PromiseSettledResult<Secret> | undefined): KeymountError {
  assert.ok(result?.status === 'rejected', 'the read did not fail');
  assert.ok(result.reason instanceof KeymountError, `not a catalogue error: ${result.reason}`);
  return result.reason;
}
