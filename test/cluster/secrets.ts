import type { OpenBao } from '../lab/openbao.ts';
import { kubernetesRole } from '../lab/openbao-auth.ts';
import { namespace, serviceAccount } from './workload.ts';

/** The password that pods read, before and after it changes. */
export const passwords = { first: 'kept-in-openbao-1', second: 'kept-in-openbao-2' };

/** The secret of the classes, another one, and a role for the pods that may read the first and nothing else. */
export async function fill(bao: OpenBao): Promise<void> {
  await bao.putKv2('database/config', { username: 'shop', password: passwords.first });
  await bao.putKv2('billing/config', { username: 'billing', password: 'not-for-shop' });
  await bao.policy('app', 'path "secret/data/database/*" { capabilities = ["read"] }');
  await kubernetesRole(bao, {
    name: 'app-role',
    policies: ['app'],
    more: { bound_service_account_names: [serviceAccount], bound_service_account_namespaces: [namespace] },
  });
}
