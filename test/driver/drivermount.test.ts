import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { driverRequest } from '../lab/driver-attributes.ts';
import { aPod } from '../lab/pod.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { type StubAnswer, type StubCall, type StubProvider, startStubProvider } from '../lab/stub-provider.ts';
import { requires } from '../lab/tools.ts';
import { driverMount } from './drivermount.ts';

const request = driverRequest({ parameters: { roleName: 'r' }, pod: aPod(), nodePublishSecret: { user: 'u' } });
const objectVersion = [{ id: 'a', version: '1' }];

describe('a Mount through the driver’s own code', requires('drivermount'), () => {
  let folder: string;
  let provider: StubProvider;

  beforeEach(() => {
    folder = scratchFolder('dm');
  });
  afterEach(() => provider.stop());

  async function mountOf(answer: (call: StubCall) => StubAnswer | undefined, options = {}) {
    provider = await startStubProvider(`${folder}/stub.sock`, answer);
    return driverMount(`${folder}/stub.sock`, `${folder}/volume`, request, options);
  }

  it('sends the request byte for byte, and writes files with their modes', async () => {
    let seen: StubCall | undefined;
    const outcome = await mountOf((call) => {
      seen = call;
      return { objectVersion, files: [{ path: 'db/password', mode: 0o400, contents: 'hush' }] };
    });
    assert.deepEqual(outcome, { versions: { a: '1' }, error: '', code: '', status: 'OK' });
    assert.deepEqual(
      { ...seen?.request },
      { ...request, targetPath: `${folder}/volume`, permission: '420', currentObjectVersion: [] },
    );
    const file = `${folder}/volume/db/password`;
    assert.deepEqual([readFileSync(file, 'utf8'), statSync(file).mode & 0o777], ['hush', 0o400]);
  });

  it('tells a gRPC error with its text', async () => {
    const outcome = await mountOf(() => ({ code: status.PERMISSION_DENIED, details: 'objects[0]: denied' }));
    assert.deepEqual(outcome, {
      versions: {},
      error: 'rpc error: code = PermissionDenied desc = objects[0]: denied',
      code: 'GRPCProviderError',
      status: 'PermissionDenied',
    });
  });

  it('tries UNAVAILABLE three times', async () => {
    const outcome = await mountOf(() => ({ code: status.UNAVAILABLE, details: 'sealed' }));
    assert.deepEqual([outcome.status, provider.mounts()], ['Unavailable', 3]);
  });

  it('hides the text behind error.code', async () => {
    const outcome = await mountOf(() => ({ objectVersion, error: { code: 'Broken' } }));
    assert.deepEqual([outcome.code, outcome.error], ['Broken', 'mount request failed with provider error code Broken']);
  });

  it('refuses an answer without versions', async () => {
    assert.equal((await mountOf(() => ({}))).error, 'missing object versions');
  });

  it('refuses a path that leaves the volume, and writes nothing', async () => {
    const files = [{ path: '../a', mode: 0o644, contents: '' }];
    const outcome = await mountOf(() => ({ objectVersion, files }));
    assert.deepEqual([outcome.code, outcome.status], ['FileWriteError', 'OK']);
    assert.deepEqual(readdirSync(`${folder}/volume`), []);
  });

  it('gives up at its timeout', async () => {
    assert.equal((await mountOf(() => undefined, { timeout: 300 })).status, 'DeadlineExceeded');
  });

  it('is an Error where there is no socket', async () => {
    provider = await startStubProvider(`${folder}/stub.sock`, () => ({}));
    await assert.rejects(driverMount(`${folder}/absent.sock`, `${folder}/volume`, request), /provider not found/);
  });
});
