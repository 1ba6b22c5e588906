import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { mount, mounted, openClient, refused, texts, versions } from './grpc-client.ts';
import { scratchFolder } from './scratch.ts';
import { type StubAnswer, type StubCall, type StubProvider, startStubProvider } from './stub-provider.ts';

const socket = `${scratchFolder()}/stub.sock`;
let provider: StubProvider | undefined;

async function answering(answer: (call: StubCall) => StubAnswer | undefined): Promise<StubProvider> {
  provider = await startStubProvider(socket, answer);
  return provider;
}

describe('the test client', () => {
  afterEach(() => provider?.stop());

  it('sends what the driver sends', async () => {
    let seen: StubCall | undefined;
    await answering((call) => {
      seen = call;
      return {};
    });
    await mount(socket, { roleName: 'r' });
    assert.equal(seen?.getHost(), 'localhost');
    assert.deepEqual(
      { ...seen.request, targetPath: '' },
      {
        attributes: '{"roleName":"r"}',
        secrets: 'null',
        permission: '420',
        targetPath: '',
        currentObjectVersion: [],
      },
    );
  });

  it('returns files and versions as they came, duplicates included', async () => {
    await answering(() => ({
      files: [
        { path: 'b', mode: 0o400, contents: Buffer.from([0, 255]) },
        { path: 'b', mode: 0, contents: '' },
      ],
      objectVersion: [{ id: 'b', version: '1' }],
    }));
    const reply = mounted(await mount(socket, '{}'));
    assert.deepEqual(reply.files, [
      { path: 'b', mode: 0o400, contents: Buffer.from([0, 255]) },
      { path: 'b', mode: 0, contents: Buffer.alloc(0) },
    ]);
    assert.deepEqual(versions(reply), { b: '1' });
    assert.throws(() => texts(reply), /"b" twice/);
  });

  it('names the gRPC code of a refusal, and does not repeat it', async () => {
    const stub = await answering(() => ({ code: status.UNAVAILABLE, details: 'objects[0]: sealed' }));
    assert.deepEqual(await mount(socket, '{}'), { code: 'UNAVAILABLE', message: 'objects[0]: sealed' });
    assert.equal(stub.mounts(), 1);
  });

  it('reports error.code of a reply', async () => {
    await answering(() => ({ error: { code: 'Broken' } }));
    assert.equal(mounted(await mount(socket, '{}')).errorCode, 'Broken');
  });

  it('gives up at its deadline', async () => {
    await answering(() => undefined);
    assert.equal(refused(await mount(socket, '{}', { deadline: 100 })).code, 'DEADLINE_EXCEEDED');
  });

  it('cancels the call on the provider when aborted', async () => {
    const abort = new AbortController();
    const cancelled = Promise.withResolvers<void>();
    await answering((call) => {
      call.on('cancelled', cancelled.resolve);
      abort.abort();
      return undefined;
    });
    assert.equal(refused(await mount(socket, '{}', { signal: abort.signal })).code, 'CANCELLED');
    await cancelled.promise;
  });

  it('refuses a reply above 4 MiB, as the driver does', async () => {
    await answering(() => ({ files: [{ path: 'a', mode: 0, contents: Buffer.alloc(4 * 1024 * 1024) }] }));
    assert.equal(refused(await mount(socket, '{}')).code, 'RESOURCE_EXHAUSTED');
  });

  it('waits for a provider that starts late', async () => {
    const client = openClient(socket);
    const outcome = client.mount('{}', { deadline: 10_000 });
    await delay(150);
    await answering(() => ({ objectVersion: [{ id: 'a', version: '1' }] }));
    assert.deepEqual(versions(await outcome), { a: '1' });
    client.close();
  });

  it('shows no contents when a Mount that should fail succeeds', async () => {
    await answering(() => ({ files: [{ path: 'a', mode: 0, contents: 'hush' }] }));
    const outcome = await mount(socket, '{}');
    assert.throws(
      () => refused(outcome),
      (error: Error) => /succeeded with a/.test(error.message) && !error.message.includes('hush'),
    );
  });
});
