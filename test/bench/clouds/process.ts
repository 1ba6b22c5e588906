import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { TokenIssuer } from '../../lab/pod-token.ts';
import type { CloudFake, CloudName } from './cloud.ts';

/**
 * A fake cloud as a process, with `/facts` and `/counts` at the address CONTROL until SIGTERM.
 *
 *   node process.ts aws|gcp|azure CONTROL ISSUER.json
 */

// each loads what only it needs
const starters: Record<CloudName, (issuer: TokenIssuer) => Promise<CloudFake>> = {
  aws: async (issuer) => (await import('./aws-fake.ts')).startAws(issuer),
  gcp: async (issuer) => (await import('./gcp-fake.ts')).startGcp(issuer),
  azure: async (issuer) => (await import('./azure-fake.ts')).startAzure(issuer),
};

const [name = '', control = '', issuerFile = ''] = process.argv.slice(2);
const fake = await starters[name as CloudName](readIssuer(issuerFile));
const server = createServer((request, response) => {
  response.end(JSON.stringify(request.url === '/counts' ? counts() : facts()));
});
server.listen(Number(control.split(':').at(-1)), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));

function facts() {
  const { environment, annotations } = fake;
  return { environment, annotations };
}

/** In the form of countproxy, which mountbench reads. Nobody here counts connections. */
function counts() {
  const status = fake.counts();
  return { total: Object.values(status).reduce((sum, count) => sum + count, 0), connections: 0, status };
}

/** The public half of the benchmark's issuer: it verifies tokens. */
function readIssuer(file: string): TokenIssuer {
  const published = JSON.parse(readFileSync(file, 'utf8')) as Pick<TokenIssuer, 'issuer' | 'publicKeyPem' | 'jwks'>;
  const cannot = () => {
    throw new Error('the signing key is with the benchmark');
  };
  return { ...published, mint: cannot, signClaims: cannot, writeTo: cannot };
}
