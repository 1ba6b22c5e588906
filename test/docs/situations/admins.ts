import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runKeymount } from '../../e2e/keymount.ts';
import { mount, refused } from '../../lab/grpc-client.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { startStubProvider } from '../../lab/stub-provider.ts';
import type { Situations } from '../situations.ts';
import { anything, object, parameters } from './classes.ts';

const allowed = ['--allowed-addresses=https://vault.example.com:8200'];
const native = { connection: 'local', objects: '- {file: db-password, secret: billing/db, key: password}' };

/** What the admin did not allow, and what only the admin can set right. */
export const admins: Situations = {
  'address-not-listed': (lab) =>
    lab.told({
      parameters: parameters(undefined, { vaultAddress: 'https://vault.other.example:8200' }),
      flags: allowed,
    }),
  'unix-socket': (lab) =>
    lab.told({ parameters: parameters(undefined, { vaultAddress: 'unix:///var/run/vault/agent.sock' }) }),
  'metadata-address': (lab) =>
    lab.told({ parameters: parameters(undefined, { vaultAddress: 'http://169.254.169.254' }) }),
  'tls-file': (lab) => lab.told({ parameters: parameters(undefined, { vaultCACertPath: '/etc/vault/ca.pem' }) }),
  'foreign-token': (lab) =>
    lab.told({
      parameters: parameters(undefined, {
        vaultAddress: 'https://vault.other.example:8200',
        audience: 'sts.amazonaws.com',
      }),
      audiences: ['vault', 'sts.amazonaws.com'],
    }),
  'no-connection': (lab) =>
    lab.told({ provider: 'keymount', parameters: { ...native, connection: 'locall' }, config: fileStore() }),
  'not-allowed': (lab) => lab.told({ provider: 'keymount', parameters: native, config: fileStore() }),
  'write-not-allowed': (lab) =>
    lab.told({
      provider: 'keymount',
      parameters: {
        connection: 'legacy',
        objects: '- {file: tls.json, secret: pki/issue/web, request: {args: {common_name: web.shop.svc}}}',
      },
      config: tokenFile(),
    }),
  'query-not-allowed': (lab) =>
    lab.told({
      provider: 'keymount',
      parameters: { connection: 'legacy', objects: '- {file: all, secret: "/v1/secret/metadata/shop?list=true"}' },
      config: tokenFile(),
    }),
  'not-proven': (lab) =>
    lab.told({
      provider: 'keymount',
      parameters: native,
      audiences: [],
      flags: ['--token-request-fallback=false'],
      config: fileStore(),
    }),
  async 'no-version-key'(lab) {
    const message =
      'secrets "vault-csi-provider-hmac-key" is forbidden: User "system:serviceaccount:keymount:keymount" cannot get resource "secrets" in API group "" in the namespace "keymount"';
    lab.kube.fault = (call) => (call.includes('/secrets') ? { status: 403, reason: 'Forbidden', message } : undefined);
    const text = await lab.told({ ...anything(object('secret/data/database/config')), flags: ['--node-name=node-1'] });
    lab.kube.fault = () => undefined;
    return text;
  },
  'too-large': (lab) =>
    lab.told(
      anything(
        [1, 2, 3, 4, 5].map((n) => `- {objectName: big-${n}, secretPath: secret/data/big, secretKey: text}\n`).join(''),
      ),
    ),
  async 'too-many'(lab) {
    const flags = ['--limits-mounts=1'];
    await lab.keymounts.get({ flags });
    lab.proxy.faults({ match: /login/, delay: 1_000 });
    const wrong = anything(object('secret/data/database/confg'));
    const [first, second] = await Promise.all([lab.told({ ...wrong, flags }), lab.told({ ...wrong, flags })]);
    lab.proxy.faults();
    return first.includes('[too-many-mounts]') ? first : second;
  },
  async 'too-late'(lab) {
    lab.proxy.faults({ match: /secret/, hang: true });
    const text = await lab.told({
      ...anything(object('secret/data/database/config')),
      flags: ['--limits-mount-timeout=1s'],
    });
    lab.proxy.faults();
    return text;
  },
  async malformed(lab) {
    return refused(await mount((await lab.keymounts.get()).socket('vault'), '[]')).message;
  },
  'wrong-settings': () => serveOnce(['--sockt-dir=/run/x', '--log-level=verbose']),
  async 'socket-taken'() {
    const folder = scratchFolder('taken');
    const stub = await startStubProvider(join(folder, 'vault.sock'), () => undefined);
    const text = await serveOnce([`--socket-dir=${folder}`, `--state-dir=${scratchFolder('state')}`]);
    stub.stop();
    return text.replaceAll(folder, '/var/run/secrets-store-csi-providers');
  },
};

/** What `keymount serve` says when it does not start. */
async function serveOnce(flags: string[]): Promise<string> {
  return (await runKeymount('sources', ['serve', ...flags])).output.replace(/^\{.*\n/gm, '').trim();
}

function fileStore(): object {
  const path = scratchFolder('store');
  mkdirSync(join(path, 'billing'));
  writeFileSync(join(path, 'billing/db.yaml'), 'password: example-only-4\n');
  return {
    connections: { local: { kind: 'file', path, allow: [{ namespaces: ['billing'], secrets: ['billing/*'] }] } },
  };
}

/** A connection that reads with a token of the admin. */
function tokenFile(): object {
  const auth = { method: 'token-file', path: '/run/vault-agent/token' };
  const allow = [{ secrets: ['pki/issue/web', '/v1/secret/*'] }];
  return { connections: { legacy: { kind: 'vault', address: 'https://vault.old.example:8200', auth, allow } } };
}
