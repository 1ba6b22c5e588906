import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ClientAssertionCredential, ClientSecretCredential, ManagedIdentityCredential } from '@azure/identity';
import { CertificateClient } from '@azure/keyvault-certificates';
import { KeyClient } from '@azure/keyvault-keys';
import { SecretClient } from '@azure/keyvault-secrets';
import { aPod, type Pod } from '../lab/pod.ts';
import { type AzureLab, app, audience, client, issuer, startAzureLab, tenant } from './azure-lab.ts';
import { failure } from './azure-vault.ts';

/** The fake is judged by Microsoft's own clients: what they understand, and how they name its errors. */
describe("the fake of Azure, asked by Microsoft's own clients", () => {
  let lab: AzureLab;
  let transport: { tlsOptions: { ca: string }; retryOptions: { maxRetries: number } };
  before(async () => {
    lab = await startAzureLab();
    transport = { tlsOptions: { ca: lab.ca }, retryOptions: { maxRetries: 1 } };
  });
  after(() => lab.close());

  const identityOptions = () => ({
    ...transport,
    authorityHost: lab.address,
    disableInstanceDiscovery: true,
  });
  const federated = (pod: Pod = aPod(), wanted = audience) =>
    new ClientAssertionCredential(tenant, client, async () => issuer.mint(pod, wanted).token, identityOptions());
  // The address of the fake is no domain of Azure.
  const options = () => ({ ...transport, disableChallengeResourceVerification: true });
  const secrets = (credential = federated()) => new SecretClient(lab.address, credential, options());

  it('gives a secret to a pod whose ServiceAccount is federated, after its challenge', async () => {
    const id = lab.vault.put('secrets/license', { fields: { value: 'v1', contentType: 'text/plain' } });
    lab.vault.asked.length = 0;
    const secret = await secrets().getSecret('license');
    assert.equal(secret.value, 'v1');
    assert.equal(secret.properties.version, id);
    assert.equal(secret.properties.contentType, 'text/plain');
    assert.deepEqual(lab.vault.asked, ['GET /secrets/license/', 'GET /secrets/license/']);
  });

  it('refuses a ServiceAccount, an audience and an issuer that nobody federated, by their codes', async () => {
    const codeOf = async (credential: ClientAssertionCredential) => {
      const thrown = await credential.getToken('https://vault.azure.net/.default').catch((error: unknown) => error);
      return /AADSTS\d+/.exec(String(thrown))?.[0];
    };
    assert.equal(await codeOf(federated(aPod({ serviceAccount: 'other' }))), 'AADSTS700213');
    assert.equal(await codeOf(federated(aPod(), 'vault')), 'AADSTS700212');
    const foreign = async () => issuer.signClaims({ iss: 'https://elsewhere', sub: 's', aud: audience });
    const elsewhere = new ClientAssertionCredential(tenant, client, foreign, identityOptions());
    assert.equal(await codeOf(elsewhere), 'AADSTS700211');
  });

  it('takes a client secret, and no wrong one', async () => {
    lab.vault.put('secrets/sp', { fields: { value: 'v' } });
    const right = new ClientSecretCredential(tenant, client, app.secret, identityOptions());
    assert.equal((await new SecretClient(lab.address, right, options()).getSecret('sp')).value, 'v');
    const wrong = new ClientSecretCredential(tenant, client, 'wrong', identityOptions());
    await assert.rejects(wrong.getToken('https://vault.azure.net/.default'), /AADSTS7000215/);
  });

  it('gives the identity of the node at the metadata service', async () => {
    process.env['AZURE_POD_IDENTITY_AUTHORITY_HOST'] = lab.metadata;
    try {
      const credential = new ManagedIdentityCredential({ clientId: client });
      const token = await credential.getToken('https://vault.azure.net/.default');
      assert.ok(lab.entra.tokens.has(token.token));
    } finally {
      delete process.env['AZURE_POD_IDENTITY_AUTHORITY_HOST'];
    }
  });

  it('lists versions in pages, disabled ones included', async () => {
    for (let i = 0; i < 60; i++) {
      lab.vault.put('secrets/long', { enabled: i !== 3, created: 1000 + i, fields: { value: `v${i}` } });
    }
    const versions = [];
    for await (const each of secrets().listPropertiesOfSecretVersions('long')) versions.push(each);
    assert.equal(versions.length, 60);
    assert.equal(versions.filter(({ enabled }) => enabled === false).length, 1);
    assert.equal(versions[1]?.createdOn?.getTime(), 1_001_000);
  });

  it('names its errors as Key Vault does', async () => {
    const codeOf = async (name: string) => {
      const thrown = (await secrets()
        .getSecret(name)
        .catch((error: unknown) => error)) as { statusCode?: number; code?: string };
      return `${thrown.statusCode} ${thrown.code}`;
    };
    assert.equal(await codeOf('nowhere'), '404 SecretNotFound');
    lab.vault.put('secrets/off', { enabled: false, fields: { value: 'v' } });
    assert.equal(await codeOf('off'), '403 Forbidden');
    lab.vault.denied.add(`${client} secrets`);
    assert.equal(await codeOf('license'), '403 Forbidden');
    lab.vault.denied.clear();
  });

  it('is asked again after its Retry-After', async () => {
    lab.vault.put('secrets/busy', { fields: { value: 'v' } });
    const throttled = failure(429, 'Throttled', 'Request was not processed because too many requests were received.');
    lab.vault.faults.push({ ...throttled, headers: { 'Retry-After': '0' } });
    assert.equal((await secrets().getSecret('busy')).value, 'v');
  });

  it('gives keys and certificates in the forms that the clients read', async () => {
    const n = Buffer.alloc(256, 0xab).toString('base64url');
    lab.vault.put('keys/signing', { id: 'aa11', fields: { key: { kty: 'RSA-HSM', key_ops: ['sign'], n, e: 'AQAB' } } });
    const key = await new KeyClient(lab.address, federated(), options()).getKey('signing');
    assert.equal(key.keyType, 'RSA-HSM');
    assert.equal(key.properties.version, 'aa11');
    lab.vault.put('certificates/web', { id: 'bb22', fields: { cer: Buffer.from('der').toString('base64') } });
    const reader = new CertificateClient(lab.address, federated(), options());
    const certificate = await reader.getCertificateVersion('web', 'bb22');
    assert.equal(Buffer.from(certificate.cer ?? []).toString(), 'der');
  });
});
