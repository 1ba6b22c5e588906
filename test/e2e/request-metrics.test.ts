import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { backendKinds } from '../../provider/backends/registry.ts';
import { aPod } from '../lab/pod.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { type FakeVault, secretPath, startFakeVault } from './fake-vault.ts';
import { canaries, type Keymount, startKeymount } from './keymount.ts';
import { requestOf } from './requests.ts';

const [token, password] = [canaries.plantToken('a login', 'hvs.'), canaries.plant('a secret')];
const audiences = ['vault', 'openbao', 'sts.amazonaws.com', 'pool', 'api://AzureADTokenExchange'];
const role = 'arn:aws:iam::111122223333:role/web';
const client = '0b2c7b8e-6f7d-4c7d-9d8d-0c6a1a3a5f10';

/** A connection of each kind with a server; all but Vault's and OpenBao's ask one that refuses everything. */
function connectionsTo(vault: string, refuses: string): Record<string, object> {
  const vaultAuth = { method: 'kubernetes', role: 'app' };
  const aws = { region: 'eu-central-1', endpoint: refuses, stsEndpoint: refuses, auth: { method: 'irsa', role } };
  const gcpAuth = { method: 'workload-identity', audience: 'pool', serviceAccount: 'web@p1.iam.gserviceaccount.com' };
  const gcp = { project: 'p1', endpoint: refuses, tokenEndpoint: refuses, iamEndpoint: refuses, auth: gcpAuth };
  return {
    vault: { address: vault, auth: vaultAuth },
    openbao: { address: vault, auth: vaultAuth },
    'aws-secretsmanager': aws,
    'aws-ssm': aws,
    'gcp-secretmanager': gcp,
    'gcp-parametermanager': gcp,
    'azure-keyvault': {
      address: refuses,
      authority: refuses,
      tenant: client,
      auth: { method: 'workload-identity', clientId: client },
    },
  };
}

const secrets: Record<string, string> = {
  vault: secretPath,
  openbao: secretPath,
  'aws-ssm': '/app/db',
  'azure-keyvault': 'secret/db',
};

describe('requests and logins in the metrics', () => {
  const issuer = createTokenIssuer();
  let vault: FakeVault;
  let refusing: Server;
  let keymount: Keymount;
  before(async () => {
    vault = await startFakeVault(token, password);
    refusing = createServer((_request, response) => response.writeHead(403).end('{}'));
    refusing.listen(0, '127.0.0.1');
    await once(refusing, 'listening');
    const address = `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`;
    const connections = Object.entries(connectionsTo(vault.address, address)).map(([kind, given]) => [
      kind,
      { kind, ...given, timeout: '2s', retries: 0 },
    ]);
    const config = join(scratchFolder('config'), 'keymount.yaml');
    writeFileSync(config, JSON.stringify({ connections: Object.fromEntries(connections) }));
    keymount = await startKeymount({ args: ['--config', config] });
  });
  after(async () => {
    refusing.close();
    refusing.closeAllConnections();
    await vault.close();
    await keymount.stop();
  });

  /** Counts by kind, `code` alone or all together. */
  async function counts(name: string, more = ''): Promise<Record<string, number>> {
    const { body } = await keymount.get('/metrics');
    const found: Record<string, number> = {};
    for (const line of body.split('\n')) {
      const [, backend = '', labels = '', value = ''] =
        /^(\w+\{backend="([\w-]+)"(.*)\}) (\d+)$/.exec(line)?.slice(1) ?? [];
      if (!line.startsWith(`${name}{`) || !labels.includes(more)) continue;
      found[backend] = (found[backend] ?? 0) + Number(value);
    }
    return found;
  }
  async function grown(name: string, during: () => Promise<unknown>, more = ''): Promise<Record<string, number>> {
    const before = await counts(name, more);
    await during();
    const after = Object.entries(await counts(name, more));
    return Object.fromEntries(
      after.map(([kind, value]) => [kind, value - (before[kind] ?? 0)] as const).filter(([, value]) => value !== 0),
    );
  }
  const mountOf = (kind: string) => {
    const object = { file: 'f', secret: secrets[kind] ?? 'db', ...(kind === 'vault' ? { key: 'password' } : {}) };
    const parameters = { connection: kind, objects: JSON.stringify([object]) };
    // Each time another pod, whose login is its own.
    return () => keymount.mount('keymount', requestOf(issuer, { pod: aPod(), audiences, parameters }));
  };

  it('know every kind that has a server, and no other', () => {
    const kinds = [...Object.keys(connectionsTo('', '')), 'aws', 'file'];
    assert.deepEqual(kinds.sort(), [...backendKinds].sort());
  });

  for (const kind of Object.keys(connectionsTo('', ''))) {
    it(`are counted as those of ${kind}, a login once`, async () => {
      const requests = await grown('keymount_backend_requests_total', mountOf(kind));
      assert.deepEqual(Object.keys(requests), [kind], JSON.stringify(requests));
      const answers = kind === 'vault' || kind === 'openbao';
      const code = answers ? 'code="ok"' : 'code="login-denied"';
      assert.deepEqual(await grown('keymount_logins_total', mountOf(kind)), { [kind]: 1 });
      assert.deepEqual(await grown('keymount_logins_total', mountOf(kind), code), { [kind]: 1 });
    });
  }
});
