import type { Situations } from '../situations.ts';
import { anything, object, parameters } from './classes.ts';

const good = object('secret/data/database/config');

/** What is wrong with the server or the way to it. */
export const servers: Situations = {
  async sealed(lab) {
    await lab.bao.seal();
    const text = await lab.told({ parameters: parameters() });
    await lab.bao.unseal();
    return text;
  },
  async 'bad-gateway'(lab) {
    const vaultAddress = await lab.serve((_request, response) => {
      response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad Gateway</html>');
    });
    return await lab.told(anything(good, { vaultAddress }));
  },
  async throttled(lab) {
    await lab.bao.write('sys/quotas/rate-limit/docs', { path: 'secret/', rate: 1, interval: '1h' });
    // a keymount of its own: it asks a server that said Retry-After no more for that long
    const wrong = { ...anything(object('secret/data/missing')), flags: ['--node-name=throttled'] };
    await lab.told(wrong);
    const text = await lab.told(wrong);
    await lab.bao.delete('sys/quotas/rate-limit/docs');
    return text;
  },
  async slow(lab) {
    lab.proxy.faults({ match: /login/, hang: true });
    const text = await lab.told({ ...anything(good), flags: ['--vault-timeout=1s'] });
    lab.proxy.faults();
    return text;
  },
  refused: (lab) => lab.told(anything(good, { vaultAddress: 'http://127.0.0.1:9' })),
  'no-host': (lab) => lab.told(anything(good, { vaultAddress: 'https://vault.invalid:8200' })),
  'unknown-ca': (lab) => lab.told(anything(good, { vaultAddress: lab.reviewer.address })),
  async 'http-for-https'(lab) {
    const text = await lab.told(anything(good, { vaultAddress: lab.reviewer.address.replace('https', 'http') }));
    return text.replace('of https://', 'of http://');
  },
  'https-for-http': (lab) => lab.told(anything(good, { vaultAddress: lab.proxy.address.replace('http', 'https') })),
  async redirect(lab) {
    const vaultAddress = await lab.serve((request, response) => {
      response.writeHead(307, { location: `https://vault-2.example.com:8200${request.url}` }).end();
    });
    return await lab.told(anything(good, { vaultAddress }));
  },
};
