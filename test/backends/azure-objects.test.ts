import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { AzureRef } from '../../provider/backends/azure/ref.ts';
import type { BackendDeps, Secret, Session } from '../../provider/backends/backend.ts';
import { formatError } from '../../provider/errors.ts';
import type { NewSource } from '../../provider/plan/sources.ts';
import { selectBytes } from '../../provider/render/select.ts';
import { systemClock } from '../../provider/util/clock.ts';
import { type AzureLab, client, podLogin, signal, startAzureLab, workload } from './azure-lab.ts';
import { failure } from './azure-vault.ts';
import { contractDeps, errorOf, sourceOf } from './contract.ts';

const fixture = (name: string) => readFileSync(new URL(`../unit/render/pkcs12/${name}`, import.meta.url));

describe('objects of a Key Vault', () => {
  let lab: AzureLab;
  let session: Session<AzureRef>;
  before(async () => {
    lab = await startAzureLab();
    session = await lab.connect();
  });
  beforeEach(() => {
    lab.vault.asked.length = 0;
    lab.vault.faults.length = 0;
    lab.vault.denied.clear();
  });
  after(() => lab.close());

  const start = (address: string, more: Partial<NewSource> = {}, from = session) =>
    from.read([lab.backend.parseRef(sourceOf(address, more))], signal)[0] as Promise<Secret>;
  const text = (secret: Secret) => Buffer.from(secret.bytes ?? []).toString();
  const failing = async (address: string, more: Partial<NewSource> = {}, from = session) => {
    const whole = start(address, more, from).then((secret) => {
      selectBytes(secret, { whole: 'keys' }, 'utf-8');
      return secret;
    });
    const [result] = await Promise.allSettled([whole]);
    return formatError(errorOf(result));
  };

  it('has the version of the vault, and pins one', async () => {
    const first = lab.vault.put('secrets/pin', { fields: { value: 'old' } });
    const second = lab.vault.put('secrets/pin', { fields: { value: 'new' } });
    const newest = await start('pin');
    assert.deepEqual([text(newest), newest.version], ['new', second]);
    assert.equal((await start('pin', { version: 'latest' })).version, second);
    const pinned = await start('secrets/pin', { version: first });
    assert.deepEqual([text(pinned), pinned.version], ['old', first]);
    assert.match(await failing('pin', { version: 'ffff' }), /no version ffff of secret pin.*\[secret-missing\]/);
    assert.deepEqual(lab.vault.asked.slice(0, 3), [
      'GET /secrets/pin/',
      'GET /secrets/pin/',
      `GET /secrets/pin/${first}`,
    ]);
  });

  it('counts versions back through all pages, by the time when they were made, from one list', async () => {
    for (let i = 0; i < 60; i++) {
      // Not in the order of their making, as Key Vault lists them.
      const created = 2_000 + ((i * 37) % 60);
      lab.vault.put('secrets/many', { enabled: created !== 2_058, created, fields: { value: `at ${created}` } });
    }
    const refs = [0, 1, 2, 3].map((back) => lab.backend.parseRef(sourceOf(back === 0 ? 'many' : `many~${back}`)));
    const found = await Promise.all(session.read(refs, signal));
    assert.deepEqual(found.map(text), ['at 2059', 'at 2057', 'at 2056', 'at 2055']);
    assert.equal(lab.vault.asked.filter((each) => each.endsWith('/versions')).length, 3);
    const middle = found[2]?.version ?? '';
    assert.equal(text(await start('many~2', { version: middle })), 'at 2054');
    assert.match(await failing('many~70'), /version 70 before the newest.*59 enabled versions.*\[secret-missing\]/);
    assert.match(await failing('nothing~1'), /\[secret-missing\]/);
  });

  it('begins a history at the newest version that is enabled, where the newest of all is not', async () => {
    lab.vault.put('secrets/withdrawn', { created: 10, fields: { value: 'older' } });
    const good = lab.vault.put('secrets/withdrawn', { created: 20, fields: { value: 'good' } });
    const bad = lab.vault.put('secrets/withdrawn', { created: 30, enabled: false, fields: { value: 'bad' } });
    const newest = await start('withdrawn~0');
    assert.deepEqual([text(newest), newest.version], ['good', good]);
    assert.equal(text(await start('withdrawn~1')), 'older');
    assert.equal(text(await start('withdrawn~0', { version: good })), 'good');
    assert.match(await failing('withdrawn~0', { version: bad }), /no version \w+ of .*2 enabled versions.*missing\]/);
    assert.match(await failing('withdrawn'), /disabled secret.*\[secret-denied\]/);
  });

  it('keeps the file of a certificate that it cannot convert, for those who want it as it is', async () => {
    const fields = { value: 'bm90IGEgZmlsZQ==', contentType: 'application/x-pkcs12', kid: 'https://x/keys/cert/1' };
    lab.vault.put('secrets/locked', { fields });
    const secret = await start('locked');
    assert.equal(Buffer.from(selectBytes(secret, { part: 'value' }, 'utf-8')).toString(), fields.value);
    assert.throws(() => selectBytes(secret, { whole: 'keys' }, 'utf-8'), /no PKCS#12 file/);
    assert.throws(() => selectBytes(secret, { part: 'key' }, 'utf-8'), /no PKCS#12 file/);
    assert.throws(() => selectBytes(secret, { jmesPath: 'a' }, 'utf-8'), /no PKCS#12 file/);
  });

  it('makes PEM of a PKCS#12 certificate, and keeps its parts and the file', async () => {
    const value = fixture('ec-legacy.p12').toString('base64');
    const fields = { value, contentType: 'application/x-pkcs12', kid: 'https://x/keys/cert/1' };
    lab.vault.put('secrets/cert', { fields });
    const secret = await start('cert');
    const pem = fixture('ec-legacy.pem').toString();
    assert.equal(text(secret), pem);
    const part = (name: string) => Buffer.from(selectBytes(secret, { part: name }, 'utf-8')).toString();
    assert.equal(part('value'), value);
    assert.equal(part('key') + part('certificates'), pem);
    lab.vault.put('secrets/pem', { fields: { ...fields, value: pem, contentType: 'application/x-pem-file' } });
    assert.equal(text(await start('pem')), pem);
  });

  it('tells certificates of unknown and missing types, and broken ones', async () => {
    const kid = 'https://x/keys/cert/1';
    lab.vault.put('secrets/odd', { fields: { value: 'x', contentType: 'text/html', kid } });
    assert.match(await failing('odd'), /unknown content type.*text\/html/);
    lab.vault.put('secrets/none', { fields: { value: 'x', kid } });
    assert.match(await failing('none'), /unknown content type.*missing/);
    const broken = { value: 'bm90IGEgZmlsZQ==', contentType: 'application/x-pkcs12', kid };
    lab.vault.put('secrets/broken', { fields: broken });
    assert.match(await failing('broken'), /no PKCS#12 file.*\[value-invalid\]/);
    lab.vault.put('secrets/nil', { fields: {} });
    assert.match(await failing('nil'), /secret value is nil.*\[backend-reply-invalid\]/);
  });

  it('gives public keys as SPKI, also of keys in an HSM, and names those that it cannot', async () => {
    const jwk = (key: KeyObject) => key.export({ format: 'jwk' }) as Record<string, string>;
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey;
    for (const [name, key, kty] of [
      ['rsa', rsa, 'RSA'],
      ['rsa-hsm', rsa, 'RSA-HSM'],
      ['ec', ec, 'EC'],
      ['ec-hsm', ec, 'EC-HSM'],
    ] as const) {
      const id = lab.vault.put(`keys/${name}`, { fields: { key: { ...jwk(key), kty, key_ops: ['verify'] } } });
      const secret = await start(`keys/${name}`);
      assert.equal(text(secret), key.export({ type: 'spki', format: 'pem' }));
      assert.equal(secret.version, id);
    }
    lab.vault.put('keys/koblitz', { fields: { key: { ...jwk(ec), kty: 'EC', crv: 'P-256K' } } });
    assert.match(await failing('keys/koblitz'), /curve P-256K is not supported/);
    lab.vault.put('keys/oct', { fields: { key: { kty: 'oct', k: 'AAAA' } } });
    assert.match(await failing('keys/oct'), /key type 'oct' currently not supported/);
  });

  it('gives the certificate itself of a certificate object', async () => {
    lab.vault.put('certificates/web', { id: 'cc1', fields: { cer: Buffer.from('der').toString('base64') } });
    const secret = await start('certificates/web');
    assert.equal(text(secret), '-----BEGIN CERTIFICATE-----\nZGVy\n-----END CERTIFICATE-----\n');
    assert.equal(secret.version, 'cc1');
  });

  it('says what is refused, and what the identity lacks', async () => {
    lab.vault.put('secrets/db', { fields: { value: 'v' } });
    lab.vault.denied.add(`${client} secrets`);
    const denied = await failing('db');
    assert.match(
      denied,
      /reading secret db of https:.* as client .*Caller is not authorized.*"Key Vault Secrets User"/,
    );
    assert.match(denied, /\[secret-denied\]$/);
    assert.ok(Buffer.byteLength(denied) < 1000, denied);
    lab.vault.denied.clear();
    lab.vault.put('secrets/off', { enabled: false, fields: { value: 'v' } });
    assert.match(await failing('off'), /disabled secret.*enable the secret \[secret-denied\]/);
    assert.match(await failing('keys/nowhere'), /no key nowhere.*KeyNotFound.*\[secret-missing\]/);
    lab.vault.faults.push(failure(400, 'BadParameter', 'no'));
    assert.match(await failing('db'), /400 BadParameter: no \[backend-rejected\]/);
  });

  it('says that an object is not valid yet, has expired or soon will', async () => {
    const now = Math.floor(Date.now() / 1000);
    const warningsOf = async (name: string, when: { nbf?: number; exp?: number }) => {
      lab.vault.put(`secrets/${name}`, { ...when, fields: { value: 'v' } });
      return (await start(name)).warnings;
    };
    assert.match(
      String(await warningsOf('early', { nbf: now + 3600 })),
      /^secret early is not to be used before 20.*Z/,
    );
    assert.match(String(await warningsOf('late', { exp: now - 3600 })), /^secret late has expired at 20/);
    assert.match(String(await warningsOf('soon', { exp: now + 3600 })), /^secret soon expires at 20/);
    assert.equal(await warningsOf('fine', { nbf: now - 10, exp: now + 90 * 24 * 3600 }), undefined);
  });

  it('says that its token is not accepted, so that a new login is tried', async () => {
    const own = await lab.connect(podLogin());
    lab.vault.put('secrets/db', { fields: { value: 'v' } });
    lab.entra.tokens.clear();
    const [result] = await Promise.allSettled([start('db', {}, own)]);
    const error = errorOf(result);
    assert.match(formatError(error), /does not accept the token.*AKV10022.*\[login-denied\]/);
    assert.ok(own.isAuthorityLost(error));
    assert.equal(text(await start('db', {}, await lab.connect(podLogin()))), 'v');
    session = await lab.connect(podLogin());
  });

  it('asks for a token of the resource that the challenge names, if it is of the vault’s own domain', async () => {
    const stack = await startAzureLab();
    try {
      stack.vault.put('secrets/db', { fields: { value: 'v' } });
      stack.vault.resource = 'https://127.0.0.1/stack';
      const own = await stack.connect();
      assert.equal(text(await start('db', {}, own)), 'v');
      assert.equal(text(await start('db', {}, await stack.connect())), 'v');
      assert.equal(stack.vault.asked.length, 3);
      stack.vault.resource = 'https://attacker.example';
      const tokens = stack.entra.tokens.size;
      assert.match(await failing('db', {}, own), /\[login-denied\]/);
      assert.equal(stack.entra.tokens.size, tokens);
    } finally {
      await stack.close();
    }
  });

  it('follows no list to another server', async () => {
    lab.vault.put('secrets/list', { fields: { value: 'v' } });
    lab.vault.faults.push({
      status: 200,
      body: { value: [], nextLink: 'https://attacker.example/secrets/list/versions' },
    });
    assert.match(await failing('list~1'), /leads to another server \[backend-reply-invalid\]/);
  });

  it('leaves a vault alone for as long as it asks, with all pods together', async () => {
    let skew = 0;
    const clock = { ...systemClock, now: () => Date.now() + skew };
    const deps: BackendDeps = { ...contractDeps, clock };
    const busy = await startAzureLab();
    try {
      busy.vault.put('secrets/db', { fields: { value: 'v' } });
      const pods = await Promise.all(
        [0, 1, 2, 3].map(() => busy.connect(podLogin(), { retries: 0, auth: workload() }, deps)),
      );
      busy.vault.faults.push({ ...failure(429, 'Throttled', 'Too many requests.'), headers: { 'Retry-After': '20' } });
      const [first, ...others] = pods as [Session<AzureRef>, ...Session<AzureRef>[]];
      assert.match(await failing('db', {}, first), /asks for fewer requests.*\[backend-throttled\]/);
      for (const pod of others) assert.match(await failing('db', {}, pod), /\[backend-throttled\]/);
      assert.equal(busy.vault.asked.length, 1);
      skew += 20_000;
      assert.equal(text(await start('db', {}, others[0])), 'v');
    } finally {
      await busy.close();
    }
  });
});
