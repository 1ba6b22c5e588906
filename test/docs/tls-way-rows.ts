import { makeLeaf } from '../unit/net/certificates.ts';
import type { Order, Told } from './tls-clients.ts';
import type { TlsLab } from './tls-lab.ts';
import { at, by, having, intermediate, leaf, named, quickly, type Row, root, sni } from './tls-orders.ts';

const addresses: Row[] = [
  {
    topic: 'address families',
    what: 'IPv6 is refused, IPv4 answers',
    order: named('vault.test', ['::1', '127.0.0.1'], { shows: quickly }),
  },
  {
    topic: 'address families',
    what: 'seven addresses are refused, the eighth answers',
    order: named(
      'vault.test',
      ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.6', '127.0.0.7', '127.0.0.8', '127.0.0.1'],
      { shows: quickly },
    ),
  },
  {
    topic: 'dial timing',
    what: 'the first address never answers, the second does; 5 s for both',
    why: 'Go shares the time out among the addresses of a family; a pod is waiting here',
    async order(lab) {
      const order = await named('vault.test', ['127.0.0.2', '127.0.0.1'], { shows: quickly })(lab);
      await lab.silence('127.0.0.2', Number(new URL(order.url).port));
      return order;
    },
  },
];

const http: Row[] = [
  {
    topic: 'keep-alive',
    what: 'connections of three requests',
    async order(lab) {
      let before = 0;
      const shows = ({ seen }: Told) => {
        const made = seen.connections - before;
        before = seen.connections;
        return String(made);
      };
      return await having({}, { times: 3, shows })(lab);
    },
  },
  {
    topic: 'redirects',
    what: '302 to another path',
    why: 'each backend decides: for Vault one redirect within the connection, else none, for a token must not go elsewhere',
    async order(lab) {
      const url = `${at(await lab.serve(leaf, [intermediate]))}redirect`;
      return { url, ca: root.cert, shows: ({ status }) => (status === 200 ? 'follows' : 'hands on') };
    },
  },
  {
    topic: 'HTTP/2',
    what: 'the server speaks both',
    why: 'stores answer small requests on kept connections; HTTP/2 would gain nothing and share one connection among all pods',
    order: having({}, { shows: ({ seen }) => `HTTP/${seen.http}` }),
  },
  {
    topic: 'HTTP/2',
    what: 'the server speaks HTTP/2 alone',
    why: 'as above; Vault, OpenBao and the clouds all speak HTTP/1.1',
    order: having({ allowHTTP1: false }, { shows: ({ seen }) => `HTTP/${seen.http}` }),
  },
  {
    topic: 'compression',
    what: 'what is asked for',
    why: 'a compressed reply could be far larger than its bound',
    order: having({}, { shows: ({ seen }) => seen.encodings ?? 'none' }),
  },
];

const versions: Row[] = [
  { topic: 'versions', what: 'TLS 1.1 at most', order: having({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }) },
  { topic: 'versions', what: 'TLS 1.2 at most', order: having({ maxVersion: 'TLSv1.2' }) },
  { topic: 'versions', what: 'TLS 1.3 alone', order: having({ minVersion: 'TLSv1.3' }) },
  {
    topic: 'versions',
    what: 'TLS 1.2 without forward secrecy (`AES128-GCM-SHA256`, RSA)',
    why: 'Node offers it last, for servers that have nothing else',
    async order(lab) {
      const options = { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256:@SECLEVEL=0' } as const;
      return { url: at(await lab.serve(makeLeaf(root, { rsa: 2048 }), [], options)), ca: root.cert };
    },
  },
  ...['X25519MLKEM768', 'X25519', 'P-256', 'P-384', 'P-521'].map((curve) => ({
    topic: 'curves',
    what: `${curve} alone`,
    order: having({ ecdhCurve: curve }),
  })),
  { topic: 'curves', what: 'X448 alone', why: 'OpenSSL has it besides', order: having({ ecdhCurve: 'X448' }) },
  { topic: 'SNI', what: 'for a name', order: named('vault.test', ['127.0.0.1'], { shows: sni }) },
  { topic: 'SNI', what: 'for a name with a trailing dot', order: named('vault.test.', ['127.0.0.1'], { shows: sni }) },
  { topic: 'SNI', what: 'for an IP address', order: having({}, { shows: sni }) },
  {
    topic: 'SNI',
    what: 'for an IP address with a server name that is set',
    order: by({ names: 'DNS:vault.test' }, { serverName: 'vault.test', shows: sni }),
  },
];

/** A name that only the proxy knows, and how the proxy was reached. */
const proxied =
  (env: (url: string) => Record<string, string>, url = 'https://vault.test:8200/', hosts?: readonly string[]) =>
  async (lab: TlsLab): Promise<Order> => {
    const port = await lab.serve(makeLeaf(root, { names: 'DNS:vault.test,IP:127.0.0.1' }));
    const proxy = await lab.proxy(port);
    let before = 0;
    const shows = () => {
      const used = proxy.used() - before;
      before = proxy.used();
      return used > 0 ? 'by the proxy' : 'directly';
    };
    const own = url.replace(':8200', `:${port}`);
    return { url: own, ca: root.cert, env: env(proxy.url), shows, ...(hosts === undefined ? {} : { hosts }) };
  };

const proxies: Row[] = [
  { topic: 'proxies', what: '`HTTPS_PROXY`', order: proxied((url) => ({ HTTPS_PROXY: url })) },
  { topic: 'proxies', what: '`https_proxy`', order: proxied((url) => ({ https_proxy: url })) },
  {
    topic: 'proxies',
    what: '`HTTP_PROXY` for http',
    order: proxied((url) => ({ HTTP_PROXY: url }), 'http://vault.test:8200/'),
  },
  {
    topic: 'proxies',
    what: '`HTTPS_PROXY` and a loopback address',
    order: proxied((url) => ({ HTTPS_PROXY: url }), 'https://127.0.0.1:8200/'),
  },
  {
    topic: 'proxies',
    what: '`NO_PROXY=.test`',
    order: proxied((url) => ({ HTTPS_PROXY: url, NO_PROXY: '.test' }), undefined, ['127.0.0.1']),
  },
  {
    topic: 'proxies',
    what: '`HTTPS_PROXY=socks5://…`',
    async order(lab) {
      const port = await lab.serve(makeLeaf(root, { names: 'DNS:vault.test' }));
      return { url: 'https://vault.test:8200/', ca: root.cert, env: { HTTPS_PROXY: await lab.socks(port) } };
    },
  },
];

/** How they get there, and what they speak. */
export const wayRows: readonly Row[] = [...addresses, ...http, ...proxies, ...versions];
