import { startAwsCloud } from '../../lab/aws-cloud.ts';
import type { TokenIssuer } from '../../lab/pod-token.ts';
import { accounts, contentOf, subjectOf } from './accounts.ts';
import type { CloudFake } from './cloud.ts';

const region = 'eu-west-1';

/** STS, Secrets Manager and Parameter Store, with a role for each ServiceAccount. Tokens and signatures are verified. */
export async function startAws(issuer: TokenIssuer): Promise<CloudFake> {
  const cloud = await startAwsCloud(issuer);
  for (const account of accounts) {
    const role = roleOf(account);
    cloud.trusts.set(role, [subjectOf(account)]);
    cloud.allowed.set(role, [
      `secretsmanager:GetSecretValue ${region} bench/${account}/*`,
      `ssm:GetParameters ${region} /bench/${account}/*`,
    ]);
    for (const object of [0, 1])
      cloud.stores.putSecret(region, `bench/${account}/o${object}`, contentOf(account, object));
    cloud.stores.putParameter(region, `/bench/${account}/o2`, contentOf(account, 2));
  }
  return {
    environment: { AWS_ENDPOINT_URL: cloud.address },
    annotations: Object.fromEntries(
      accounts.map((account) => [account, { 'eks.amazonaws.com/role-arn': roleOf(account) }]),
    ),
    counts() {
      const [exchanges, reads] = [cloud.count('AssumeRole'), cloud.count('Get')];
      return { exchanges, reads, other: cloud.requests.length - exchanges - reads };
    },
  };
}

function roleOf(account: string): string {
  return `arn:aws:iam::123456789012:role/${account}`;
}
