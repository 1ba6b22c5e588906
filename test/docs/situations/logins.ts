import type { Situations } from '../situations.ts';
import { parameters } from './classes.ts';

const forbidden = {
  status: 403,
  reason: 'Forbidden',
  message:
    'serviceaccounts "web" is forbidden: User "system:serviceaccount:keymount:keymount" cannot create resource "serviceaccounts/token" in API group "" in the namespace "shop"',
};

/** What goes wrong before a secret is asked for. */
export const logins: Situations = {
  'no-token': (lab) => lab.told({ parameters: parameters(), audiences: [], flags: ['--token-request-fallback=false'] }),
  'other-audience': (lab) =>
    lab.told({ parameters: parameters(), audiences: ['sts.amazonaws.com'], flags: ['--token-request-fallback=false'] }),
  async 'no-token-no-right'(lab) {
    lab.kube.fault = (call) => (call.endsWith('/token') ? forbidden : undefined);
    const text = await lab.told({ parameters: parameters(), audiences: [] });
    lab.kube.fault = () => undefined;
    return text;
  },
  'unknown-role': (lab) => lab.told({ parameters: parameters(undefined, { roleName: 'ap-role' }) }),
  'wrong-audience': (lab) =>
    lab.told({ parameters: parameters(undefined, { audience: 'payments' }), audiences: ['vault', 'payments'] }),
  'not-bound': (lab) => lab.told({ parameters: parameters(), pod: { serviceAccount: 'worker' } }),
  'not-bound-namespace': (lab) => lab.told({ parameters: parameters(), pod: { namespace: 'staging' } }),
  'no-auth-mount': (lab) => lab.told({ parameters: parameters(undefined, { vaultAuthMountPath: 'kubernetes-prod' }) }),
  'expired-token': (lab) => lab.told({ parameters: parameters(), token: { ttl: -600 } }),
  'no-approle-secret': (lab) =>
    lab.told({
      provider: 'keymount',
      parameters: {
        connection: 'vault-approle',
        objects: '- {file: db-password, secret: secret/database/config, key: password}',
      },
      config: approle(lab.proxy.address),
    }),
  'wrong-secret-id': (lab) =>
    lab.told({
      parameters: parameters(),
      nodePublishSecret: { role_id: '59d6d1ca-47bb-4e7e-a40b-8be3bc5a0ba8', secret_id: 'wrong' },
    }),
  async 'not-vault'(lab) {
    const vaultAddress = await lab.serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    return await lab.told({ parameters: parameters(undefined, { vaultAddress }) });
  },
  async 'web-page'(lab) {
    const vaultAddress = await lab.serve((_request, response) => {
      response.writeHead(404, { 'content-type': 'text/html' }).end('<html>Not Found</html>');
    });
    return await lab.told({ parameters: parameters(undefined, { vaultAddress }) });
  },
};

function approle(address: string): object {
  return { connections: { 'vault-approle': { kind: 'vault', address, auth: { method: 'approle' } } } };
}
