import { app, audience, startAzureLab, tenant } from '../../backends/azure-lab.ts';
import { startTunnel } from '../../backends/azure-tunnel.ts';
import type { TokenIssuer } from '../../lab/pod-token.ts';
import { accounts, contentOf, subjectOf } from './accounts.ts';
import type { CloudFake } from './cloud.ts';

const hosts = 'DNS:shop-kv.vault.azure.net,DNS:login.microsoftonline.com,IP:127.0.0.1';

/** Entra ID with an identity for each ServiceAccount, and a vault, under their public names: TLS through a proxy. */
export async function startAzure(issuer: TokenIssuer): Promise<CloudFake> {
  const lab = await startAzureLab(hosts, issuer);
  const tunnel = await startTunnel(lab.address);
  let requests = 0;
  const answer = lab.entra.answer.bind(lab.entra);
  // it is asked first for every request
  lab.entra.answer = (...request) => {
    requests++;
    return answer(...request);
  };
  for (const [index, account] of accounts.entries()) {
    const federation = { issuer: issuer.issuer, subject: subjectOf(account), audience };
    lab.entra.apps.push({ tenant, clientId: clientOf(index), federation });
    for (const object of [0, 1, 2]) {
      lab.vault.put(`secrets/${account}-o${object}`, { fields: { value: contentOf(account, object) } });
    }
  }
  return {
    environment: { KEYMOUNT_AZURE_PROXY: tunnel.address, KEYMOUNT_AZURE_CA: lab.caFile },
    annotations: Object.fromEntries(
      accounts.map((account, index) => [
        account,
        { 'azure.workload.identity/client-id': clientOf(index), 'azure.workload.identity/tenant-id': tenant },
      ]),
    ),
    counts() {
      const [exchanges, reads] = [lab.entra.asked.length, lab.vault.asked.length];
      return { exchanges, reads, other: requests - exchanges - reads };
    },
  };
}

function clientOf(index: number): string {
  return `${app.clientId.slice(0, -12)}${index.toString().padStart(12, '0')}`;
}
