import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { parameterManagerBackend, secretManagerBackend } from '../../provider/backends/gcp/index.ts';
import { KeymountError } from '../../provider/errors.ts';
import { contractDeps, sourceOf } from './contract.ts';
import { type GcpLab, podLogin, podPrincipal, signal, startGcpLab } from './gcp-lab.ts';

describe('reads of Google Cloud', () => {
  let lab: GcpLab;
  before(async () => {
    lab = await startGcpLab();
    const { secrets, parameters } = lab.cloud;
    secrets.set('projects/shop-prod/secrets/db', { versions: ['one', '{"user":"u"}'], aliases: { stable: 1 } });
    secrets.set('projects/shop-prod/locations/europe-west3/secrets/db', { versions: ['regional'] });
    secrets.set('projects/shop-prod/secrets/others', { versions: ['x'], readers: ['somebody@else'] });
    parameters.set('projects/shop-prod/locations/global/parameters/app/versions/v1', 'global parameter');
    parameters.set('projects/shop-prod/locations/europe-west3/parameters/app/versions/v2', '{"a":1.0}');
  });
  beforeEach(() => {
    lab.cloud.requests.length = 0;
  });
  after(() => lab.close());

  const textOf = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

  it('reads aliases, and names the version behind one', async () => {
    const secret = await lab.value(await lab.connect(), 'projects/shop-prod/secrets/db/versions/stable');
    assert.equal(textOf(secret.bytes), 'one');
    assert.equal(secret.version, 'projects/shop-prod/secrets/db/versions/1');
  });

  it('reads regional secrets and parameters at their own endpoints, global ones at the global endpoint', async () => {
    const session = await lab.connect();
    const expected: [string, string, string][] = [
      ['projects/shop-prod/secrets/db/versions/1', 'secretmanager/global', 'one'],
      [
        'projects/shop-prod/locations/europe-west3/secrets/db/versions/latest',
        'secretmanager/europe-west3',
        'regional',
      ],
      ['projects/shop-prod/locations/global/parameters/app/versions/v1', 'parametermanager/global', 'global parameter'],
      [
        'projects/shop-prod/locations/europe-west3/parameters/app/versions/v2',
        'parametermanager/europe-west3',
        '{"a":1.0}',
      ],
    ];
    for (const [name, service, text] of expected) {
      const secret = await lab.value(session, name);
      assert.equal(textOf(secret.bytes), text);
      assert.equal(lab.cloud.requests.at(-1)?.service, service);
    }
    const parameter = await lab.value(session, expected[3]?.[0] ?? '');
    assert.equal(parameter.version, expected[3]?.[0]);
    assert.deepEqual(Object.keys(parameter.keys ?? {}), ['a']);
  });

  it('takes an id alone for one of the connection’s project, location and kind', async () => {
    const read = async (backend: typeof secretManagerBackend, settings: object, address: string, version: string) => {
      const connection = backend.connectionSchema.parse({
        endpoint: lab.cloud.endpoint,
        tokenEndpoint: `${lab.cloud.address}/token`,
        metadataHost: lab.cloud.address.slice('http://'.length),
        ...settings,
      });
      const session = await backend.connect(connection, podLogin(), contractDeps, signal);
      return textOf((await session.read([backend.parseRef(sourceOf(address, { version }))], signal)[0])?.bytes);
    };
    const regional = { project: 'shop-prod', location: 'europe-west3' };
    assert.equal(await read(secretManagerBackend, { project: 'shop-prod' }, 'db', '1'), 'one');
    assert.equal(await read(secretManagerBackend, regional, 'db', 'latest'), 'regional');
    assert.equal(await read(parameterManagerBackend, regional, 'app', 'v2'), '{"a":1.0}');
    await assert.rejects(
      () => read(secretManagerBackend, {}, 'db', '1'),
      (thrown) => thrown instanceof KeymountError && /the project of db is not known/.test(thrown.message),
    );
    assert.throws(() => parameterManagerBackend.parseRef(sourceOf('app')), /app needs a version/);
  });

  it('finds out that a payload was damaged on its way', async () => {
    const session = await lab.connect();
    lab.cloud.damage = true;
    const error = await lab.failing(session, 'projects/shop-prod/secrets/db/versions/1');
    lab.cloud.damage = false;
    assert.match(error, /db\/versions\/1 was damaged on its way.*\[backend-reply-invalid\]/);
  });

  it('says who was refused and which role is missing, and asks once', async () => {
    const session = await lab.connect();
    const name = 'projects/shop-prod/secrets/others/versions/1';
    const error = await lab.failing(session, name);
    assert.match(error, /reading .*others.* as ServiceAccount shop\/web \(shop-prod\.svc\.id\.goog\) was refused: 403/);
    assert.match(
      error,
      /grant roles\/secretmanager\.secretAccessor on it to ServiceAccount shop\/web.*\[secret-denied\]/,
    );
    assert.equal(lab.cloud.count(`access ${name}`), 1);
    assert.ok(!session.isAuthorityLost(new KeymountError('secret-denied', '')));
  });

  it('asks for a new login when its token is not accepted any more', async () => {
    const session = await lab.connect();
    lab.cloud.revokeAll();
    const name = 'projects/shop-prod/secrets/db/versions/1';
    assert.match(await lab.failing(session, name), /not accepted, reading .*401.*\[login-denied\]/);
    assert.ok(session.isAuthorityLost(new KeymountError('login-denied', '')));
  });

  it('repeats what is unavailable or throttled, and says so in the end', async () => {
    const session = await lab.connect();
    const name = 'projects/shop-prod/secrets/db/versions/1';
    lab.cloud.fail('access', 503, 1);
    assert.equal(textOf((await lab.value(session, name)).bytes), 'one');
    assert.equal(lab.cloud.count('access'), 2);
    lab.cloud.fail('access', 429, 3, {
      error: { code: 429, message: 'Quota exceeded.', status: 'RESOURCE_EXHAUSTED' },
    });
    assert.match(await lab.failing(session, name), /429 Quota exceeded.*\[backend-throttled\]/);
    lab.cloud.fail('access', 500, 3);
    assert.match(await lab.failing(session, name), /500.*\[backend-unreachable\]/);
  });

  it('reads as the pod', async () => {
    const session = await lab.connect();
    await lab.value(session, 'projects/shop-prod/secrets/db/versions/1');
    assert.equal(lab.cloud.requests.at(-1)?.as, podPrincipal);
  });
});
