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
  async failing(lab) {
    lab.proxy.faults({ match: /secret/, status: 500 });
    const text = await lab.told(anything(good));
    lab.proxy.faults();
    return text;
  },
  async throttled(lab) {
    lab.proxy.faults({ match: /secret/, status: 429 });
    const text = await lab.told(anything(good));
    lab.proxy.faults();
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
  'self-signed': (lab) => lab.told(anything(good, { vaultAddress: lab.kube.url })),
  'http-for-https': (lab) => lab.told(anything(good, { vaultAddress: lab.kube.url.replace('https', 'http') })),
  'https-for-http': (lab) => lab.told(anything(good, { vaultAddress: lab.proxy.address.replace('http', 'https') })),
  async redirect(lab) {
    const vaultAddress = await lab.serve((request, response) => {
      response.writeHead(307, { location: `https://vault-2.example.com:8200${request.url}` }).end();
    });
    return await lab.told(anything(good, { vaultAddress }));
  },
};
