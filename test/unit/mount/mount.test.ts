import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatError, KeymountError } from '../../../provider/errors.ts';
import { failureText } from '../../../provider/mount/failure.ts';
import { type MountParts, type MountRecord, mount } from '../../../provider/mount/mount.ts';
import { Plans } from '../../../provider/mount/plans.ts';
import { Replies } from '../../../provider/mount/replies.ts';
import { Requests } from '../../../provider/mount/requests.ts';
import type { DialectName } from '../../../provider/plan/plan.ts';
import type { ReadOutcome, Reads } from '../../../provider/sessions/reads.ts';
import { driverRequest } from '../../lab/driver-attributes.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf } from '../sessions/fake-store.ts';
import { failedRead, readOf } from './a-plan.ts';

const never = new AbortController().signal;
const pod = aPod();

function world(parts: Partial<MountParts> = {}) {
  /** What the reads give, by address. */
  const store = new Map<string, ReadOutcome>();
  const asked: string[][] = [];
  const reads = {
    async readAll(_caller: unknown, sources: readonly { address: string }[]) {
      asked.push(sources.map(({ address }) => address));
      return sources.map(
        ({ address }) => store.get(address) ?? failedRead(new KeymountError('secret-missing', `no ${address}`)),
      );
    },
  } as unknown as Reads;
  const all: MountParts = {
    requests: new Requests(),
    plans: new Plans({}, { parse: () => assert.fail('no class here is large') }),
    replies: new Replies(),
    callerOf: async () => callerOf(pod),
    reads,
    versionKey: async () => Buffer.from('a'.repeat(32)),
    onReply: () => {},
    responseBytes: 1_000,
    ...parts,
  };
  const record: MountRecord = { reads: 0, cached: 0, stale: 0 };
  const run = (objects: string, dialect: DialectName = 'keymount', more: Record<string, string> = {}) => {
    const parameters = { ...(dialect === 'keymount' ? { connection: 'prod' } : { roleName: 'web' }), objects, ...more };
    return mount(
      { ...driverRequest({ pod, className: 'db', parameters }), permission: '420' },
      dialect,
      all,
      record,
      never,
    );
  };
  return { store, asked, record, run };
}

async function failure(work: Promise<unknown>): Promise<KeymountError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof KeymountError, `${error} was thrown`);
    return error;
  }
  return assert.fail('it did not fail');
}

describe('a Mount', () => {
  it('has the key for versions wherever one file has no version of its own', async () => {
    const objects = ['a', 'b'].map((name) => `- {objectName: ${name}, objectType: secretsmanager}\n`).join('');
    for (const [own, keyed] of [
      [['v1', 'v2'], 0],
      [['', 'v2'], 1],
      [['v1', ''], 1],
      [['', ''], 1],
    ] as const) {
      let keys = 0;
      const versionKey = async () => {
        keys++;
        return Buffer.from('a'.repeat(32));
      };
      const { store, run } = world({ versionKey });
      for (const [index, address] of ['secretsmanager:a', 'secretsmanager:b'].entries())
        store.set(address, readOf({ bytes: Buffer.from('x'), version: own[index] ?? '' }));
      const { versions } = await run(objects, 'aws');
      assert.equal(keys, keyed, own.join());
      for (const [index, { version }] of versions.entries()) {
        if (own[index]) assert.equal(version, own[index]);
        else assert.match(version, /^[\w-]{43}=$/);
      }
    }
  });

  it('is the files of the class with their versions', async () => {
    const { store, run, record } = world();
    store.set('kv/db', readOf({ user: 'u', password: 'p' }));
    const { files, versions } = await run(
      '- {file: user, secret: kv/db, key: user}\n- {file: pw, secret: kv/db, key: password, mode: 0400}\n',
    );
    assert.deepEqual(
      files.map(({ path, mode, contents }) => [path, mode, Buffer.from(contents).toString()]),
      [
        ['user', 0o644, 'u'],
        ['pw', 0o400, 'p'],
      ],
    );
    assert.deepEqual(
      versions.map(({ id, version }) => [id, version.length]),
      [
        ['user', 44],
        ['pw', 44],
      ],
    );
    assert.equal(record.reads, 1);
    assert.equal(record.request?.className, 'db');
    assert.equal(record.plan?.outputs.length, 2);
  });

  it('asks nobody for a class with mistakes, and its request is told all the same', async () => {
    const { asked, run, record } = world();
    const error = await failure(run('- {file: ../x, secret: a}'));
    assert.equal(error.code, 'class-invalid');
    assert.deepEqual(asked, []);
    assert.equal(record.request?.pod.name, pod.name);
    assert.equal(record.plan, undefined);
  });

  it('is nothing when one of its objects fails; all that failed is told', async () => {
    const { store, run, record } = world();
    store.set('a', readOf({ k: 'v' }));
    const error = await failure(
      run('- {file: a, secret: a}\n- {file: b, secret: b}\n- {file: c, secret: c}\n- {file: d, secret: a, key: x}\n'),
    );
    assert.equal(error.code, 'secret-missing');
    assert.equal(
      failureText(error),
      'objects[1] "b" (line 2): no b [secret-missing] | objects[2] "c" (line 3): secret-missing | objects[3] "d" (line 4): key-missing',
    );
    assert.equal(record.failures?.length, 3);
  });

  it('is one empty file where all its objects are optional and gone: the driver would keep the old ones', async () => {
    const { run } = world();
    const { files, versions } = await run(
      '- {file: a, secret: a, optional: true}\n- {file: b, secret: b, optional: true}\n',
    );
    assert.deepEqual(
      files.map(({ path, mode, contents }) => [path, mode, contents.length]),
      [['.keymount-empty', 0o444, 0]],
    );
    assert.equal(versions.length, 1);
    assert.equal(versions[0]?.id, '.keymount-empty');
    assert.notEqual(versions[0]?.version, '');
  });

  it('is never without a version: without a key it fails', async () => {
    const { store, run } = world({
      versionKey: () => Promise.reject(new KeymountError('version-key-unavailable', 'the API server is down')),
    });
    store.set('a', readOf({ k: 'v' }));
    assert.equal((await failure(run('- {file: a, secret: a}'))).code, 'version-key-unavailable');
  });

  it('is too large beyond the limit, before anything is sent', async () => {
    const { store, run } = world();
    store.set('a', readOf({ big: 'x'.repeat(900), small: 'y'.repeat(200) }));
    const error = await failure(run('- {file: one, secret: a, key: small}\n- {file: two, secret: a, key: big}\n'));
    assert.equal(error.code, 'response-too-large');
    assert.match(formatError(error), /two \(900\), one \(200\)/);
  });

  it('of reads that are in memory is the reply that is in memory', async () => {
    const { store, run } = world();
    store.set('a', readOf({ k: 'v' }));
    const objects = '- {file: a, secret: a}';
    const first = await run(objects);
    assert.equal(await run(objects), first);
    store.set('a', readOf({ k: 'v' }));
    assert.notEqual(await run(objects), first);
  });

  it('counts reads from memory and outdated ones', async () => {
    const { store, run, record } = world();
    for (const [address, from] of [
      ['a', 'backend'],
      ['b', 'cache'],
      ['c', 'stale'],
    ] as const) {
      store.set(address, { ...(readOf({ k: 'v' }) as Extract<ReadOutcome, { secret: unknown }>), from });
    }
    await run('- {file: a, secret: a}\n- {file: b, secret: b}\n- {file: c, secret: c}\n');
    assert.deepEqual([record.reads, record.cached, record.stale], [3, 2, 1]);
  });

  it('on a Vault socket writes a whole reply with its envelope in order', async () => {
    const { store, run } = world();
    store.set('/v1/secret/a', readOf({ keys: {}, reply: { request_id: '', data: { b: '1', a: '2' } } }));
    const { files } = await run('- {objectName: a, secretPath: secret/a}', 'vault');
    assert.equal(Buffer.from(files[0]?.contents ?? []).toString(), '{"request_id":"","data":{"a":"2","b":"1"}}');
  });

  it('shows no value in any failure, in whatever form', async () => {
    const { store, run } = world();
    const canary = 'canary-7f3a/9+<&';
    store.set('s', readOf({ text: canary, list: [canary], map: { [canary]: canary } }));
    store.set('b', readOf({ bytes: Buffer.from(canary) }));
    const objects = [
      '- {file: a, secret: s, key: text, decode: base64}',
      '- {file: b, secret: s, key: list, decode: hex}',
      '- {file: c, secret: s, key: map, decode: base64url}',
      '- {file: d, secret: s, key: missing}',
      '- {file: e, secret: b, key: any}',
      '- {file: f, secret: b, decode: base64}',
      '- {file: g, secret: s, decode: base64}',
    ];
    const forms = [
      canary,
      Buffer.from(canary).toString('base64'),
      Buffer.from(canary).toString('hex'),
      encodeURIComponent(canary),
      JSON.stringify(canary),
    ];
    for (const chosen of [...objects.map((object) => [object]), objects]) {
      const error = await failure(run(chosen.join('\n')));
      const texts = [failureText(error), formatError(error), error.stack ?? '', JSON.stringify(error)];
      for (const form of forms) assert.ok(!texts.join().includes(form), `${form} in the failure of ${chosen}`);
    }
  });
});
