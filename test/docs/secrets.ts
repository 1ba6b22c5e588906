import type { OpenBao } from '../lab/openbao.ts';
import { kubernetesRole } from '../lab/openbao-auth.ts';

/** The secrets, policies and roles that the classes of docs/errors.md meet. */
export async function fillOpenBao(bao: OpenBao): Promise<void> {
  await bao.putKv2('database/config', { username: 'shop', password: 'example-only-1', note: null });
  await bao.putKv2('old/config', { password: 'example-only-2' });
  await bao.delete('secret/data/old/config');
  await bao.putKv2('ruined/config', { password: 'example-only-3' });
  await bao.write('secret/destroy/ruined/config', { versions: [1] });
  await bao.putKv2('big', { text: 'x'.repeat(900_000) });
  await bao.mount('kv1', 'kv', { version: '1' });
  await bao.write('kv1/database/config', { username: 'shop' });
  await bao.mount('pki', 'pki');
  await bao.write('pki/root/generate/internal', { common_name: 'example root' });
  await bao.write('pki/roles/web', { allowed_domains: ['shop.svc'], allow_subdomains: true });
  await bao.write('sys/auth/approle', { type: 'approle' });
  await bao.policy('app', 'path "secret/data/database/*" { capabilities = ["read"] }');
  const all = ['secret/*', 'kv1/*', 'pki/*'].map(
    (path) => `path "${path}" { capabilities = ["create", "update", "read"] }`,
  );
  await bao.policy('all', all.join('\n'));
  const bound = { bound_service_account_names: ['web'], bound_service_account_namespaces: ['shop'] };
  await kubernetesRole(bao, { name: 'app-role', policies: ['app'], more: bound });
  await kubernetesRole(bao, { name: 'all-role', policies: ['all'], more: bound });
}
