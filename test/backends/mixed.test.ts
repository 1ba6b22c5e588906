import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { json, startFakeVault } from '../e2e/fake-vault.ts';
import { canaries, forEachBuild, type Keymount, startKeymount } from '../e2e/keymount.ts';
import { requestOf } from '../e2e/requests.ts';
import { startAwsCloud } from '../lab/aws-cloud.ts';
import { startGcpCloud } from '../lab/gcp-cloud.ts';
import { refused, texts } from '../lab/grpc-client.ts';
import { startProxy } from '../lab/proxy.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { audience as azureAudience, issuer as azureIssuer, startAzureLab } from './azure-lab.ts';
import { clusterMetadata, podPrincipal, pool, poolAudience } from './gcp-lab.ts';

// The app of the Azure lab is federated with its own issuer: the cluster of this file.
const issuer = azureIssuer;
const region = 'eu-west-1';
const role = 'arn:aws:iam::123456789012:role/web';
const serviceAccount = 'web@shop-prod.iam.gserviceaccount.com';
const audiences = ['vault', 'sts.amazonaws.com', pool, azureAudience];

/** Milliseconds that each request to a backend takes at least. */
const delays = { vault: 90, aws: 150, gcp: 110, azure: 130 };
type Name = keyof typeof delays;
const names = Object.keys(delays) as Name[];

/** The secret that each store has, and how a class names it. */
const stored = {
  vault: { secret: 'secret/data/app', key: 'password' },
  aws: { secret: 'prod/db' },
  gcp: { secret: 'license' },
  azure: { secret: 'signing' },
} as const;
const missing = { vault: 'secret/data/none', aws: 'prod/none', gcp: 'none', azure: 'none' };
const values = Object.fromEntries(names.map((name) => [name, canaries.plant(`the secret in ${name}`)])) as Record<
  Name,
  string
>;

/** Four stores behind slow lines, and a file with a connection to each. */
async function startStores() {
  const vault = await startFakeVault(canaries.plantToken('the Vault token', 'hvs.'), values.vault);
  const [aws, gcp, azure] = await Promise.all([
    startAwsCloud(issuer),
    startGcpCloud(issuer, poolAudience),
    startAzureLab(),
  ]);
  vault.on('POST /v1/auth/jwt/login', (response, request) => {
    const auth = { client_token: canaries.plantToken('a Vault token', 'hvs.'), lease_duration: 3600, renewable: true };
    json({ auth })(response, request);
  });
  aws.trusts.set(role, ['system:serviceaccount:shop:web']);
  aws.allowed.set(role, [`secretsmanager:GetSecretValue ${region} *`]);
  aws.stores.putSecret(region, stored.aws.secret, values.aws);
  for (const [path, text] of Object.entries(clusterMetadata)) gcp.metadata.set(path, text);
  gcp.accounts.set(serviceAccount, [podPrincipal]);
  gcp.secrets.set(`projects/shop-prod/secrets/${stored.gcp.secret}`, { versions: [values.gcp] });
  azure.vault.put(`secrets/${stored.azure.secret}`, { fields: { value: values.azure } });
  const lines = { vault: await slow('vault', vault), aws: await slow('aws', aws), gcp: await slow('gcp', gcp) };
  const answer = azure.entra.answer.bind(azure.entra);
  // it is asked first for every request
  azure.entra.answer = async (...request) => {
    await sleep(delays.azure);
    return await answer(...request);
  };
  const config = join(scratchFolder('config'), 'keymount.yaml');
  const connections = {
    vault: { kind: 'vault', address: lines.vault.address, auth: { method: 'jwt', role: 'app' } },
    aws: {
      ...{ kind: 'aws-secretsmanager', region, endpoint: lines.aws.address, stsEndpoint: lines.aws.address },
      auth: { method: 'irsa', role },
    },
    gcp: {
      ...{ kind: 'gcp-secretmanager', project: 'shop-prod', endpoint: `${lines.gcp.address}/{service}/{location}` },
      ...{ iamEndpoint: lines.gcp.address, tokenEndpoint: `${lines.gcp.address}/token` },
      metadataHost: lines.gcp.address.slice('http://'.length),
      // there is no cluster whose annotations would say it
      auth: { method: 'workload-identity', serviceAccount },
    },
    azure: { kind: 'azure-keyvault', ...azure.settings },
  };
  writeFileSync(config, JSON.stringify({ connections }));
  return {
    config,
    /** What the clouds issued to pods must be in no output either. */
    watchCredentials() {
      for (const token of azure.entra.tokens.keys()) canaries.watchJwt('a token of Entra ID', token);
      for (const { bearer, as } of gcp.requests) if (as !== undefined) canaries.watch('a token of Google', bearer);
      for (const { as } of aws.requests) {
        if (as === undefined) continue;
        canaries.watch('a secret key of AWS', as.secretAccessKey);
        canaries.watch('a session token of AWS', as.sessionToken);
      }
      return { azure: azure.entra.tokens.size, gcp: gcp.count('exchange'), aws: aws.count('AssumeRole') };
    },
    async close() {
      await Promise.all(Object.values(lines).map((line) => line.close()));
      await Promise.all([vault.close(), aws.close(), gcp.close(), azure.close()]);
    },
  };
}

async function slow(name: Name, { address }: { address: string }) {
  const proxy = await startProxy(address);
  proxy.faults({ delay: delays[name] });
  return proxy;
}

forEachBuild('a class with objects of four backends', (build) => {
  let stores: Awaited<ReturnType<typeof startStores>>;
  let keymount: Keymount;
  before(async () => {
    stores = await startStores();
    keymount = await startKeymount({ build, args: ['--config', stores.config, '--log-level', 'debug'] });
  });
  after(async () => {
    await keymount.stop();
    await stores.close();
  });

  /** A Mount of a new pod, which has to log in everywhere. */
  const mount = (objects: object[]) =>
    keymount.mount('keymount', requestOf(issuer, { audiences, parameters: { objects: JSON.stringify(objects) } }));
  const objectOf = (name: Name) => ({ file: name, connection: name, ...stored[name] });
  const timed = async (...wanted: Name[]): Promise<number> => {
    const started = performance.now();
    const files = texts(await mount(wanted.map(objectOf)));
    const time = performance.now() - started;
    assert.deepEqual(files, Object.fromEntries(wanted.map((name) => [name, values[name]])));
    return time;
  };

  /** Of two: the machine has other things to do. */
  const best = async (...wanted: Name[]) => Math.min(await timed(...wanted), await timed(...wanted));

  it('mounts in about the time of its slowest backend', async (test) => {
    // loads the backends, and what they know of their servers
    await timed(...names);
    const alone: Partial<Record<Name, number>> = {};
    for (const name of names) alone[name] = await best(name);
    const together = await best(...names);
    const times = Object.values(alone);
    const shown = Object.entries(alone).map(([name, time]) => `${name} ${Math.round(time)} ms`);
    test.diagnostic(`alone: ${shown.join(', ')}; together ${Math.round(together)} ms`);
    const limit = Math.max(...times) * 1.6 + 200;
    assert.ok(together < limit, `${together} ms, not below ${limit} ms`);
    const one = times.reduce((sum, time) => sum + time);
    assert.ok(one > limit, 'one after the other would pass too: the delays are too short');
  });

  it('tells of all its failing objects at once', async () => {
    const objects = names.flatMap((name) => [
      { ...objectOf(name), secret: missing[name], file: `no-${name}` },
      objectOf(name),
    ]);
    const { code, message } = refused(await mount(objects));
    assert.equal(code, 'NOT_FOUND');
    assert.match(
      message,
      /^objects\[0\] "no-vault" \(line 1\): there is nothing at secret\/data\/none.*\[secret-missing\] \| /,
    );
    for (const [index, name] of names.entries()) {
      if (index > 0)
        assert.ok(message.includes(` | objects[${2 * index}] "no-${name}" (line 1): secret-missing`), message);
    }
    assert.equal(message.split(' | ').length, names.length);
    const { failures } = keymount.log().findLast(({ event }) => event === 'mount') as { failures: { at: string }[] };
    assert.deepEqual(failures.map(({ at }) => /"no-(\w+)"/.exec(at)?.[1]).sort(), names.toSorted());
  });

  it('shows neither its secrets nor the credentials of its pods', () => {
    // the harness searches all output for what is watched when the file ends
    const { azure, gcp, aws } = stores.watchCredentials();
    for (const issued of [azure, gcp, aws]) assert.ok(issued >= 3, `${issued} logins`);
  });
});
