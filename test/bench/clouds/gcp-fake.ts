import { clusterMetadata, poolAudience } from '../../backends/gcp-lab.ts';
import { startGcpCloud } from '../../lab/gcp-cloud.ts';
import type { TokenIssuer } from '../../lab/pod-token.ts';
import { accounts, contentOf, subjectOf } from './accounts.ts';
import type { CloudFake } from './cloud.ts';

/** A GKE node's metadata, the token exchange and Secret Manager, whose secrets each ServiceAccount may read itself. */
export async function startGcp(issuer: TokenIssuer): Promise<CloudFake> {
  const cloud = await startGcpCloud(issuer, poolAudience);
  for (const [path, text] of Object.entries(clusterMetadata)) cloud.metadata.set(path, text);
  for (const account of accounts) {
    for (const object of [0, 1, 2]) {
      const secret = { versions: [contentOf(account, object)], readers: [subjectOf(account)] };
      cloud.secrets.set(`projects/shop-prod/secrets/${account}-o${object}`, secret);
    }
  }
  return {
    environment: {
      KEYMOUNT_GCP_ENDPOINT: cloud.endpoint,
      KEYMOUNT_GCP_TOKEN_ENDPOINT: `${cloud.address}/token`,
      KEYMOUNT_GCP_METADATA_HOST: cloud.address.slice('http://'.length),
    },
    annotations: {},
    counts() {
      const [exchanges, reads] = [cloud.count('exchange'), cloud.count('access')];
      return { exchanges, reads, other: cloud.requests.length - exchanges - reads };
    },
  };
}
