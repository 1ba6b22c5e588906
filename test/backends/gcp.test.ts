import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { secretManagerBackend } from '../../provider/backends/gcp/index.ts';
import { formatError } from '../../provider/errors.ts';
import { type Drongo, startDrongo } from '../lab/drongo.ts';
import { startGcpCloud } from '../lab/gcp-cloud.ts';
import { requires } from '../lab/tools.ts';
import { backendContract, connect, errorOf, type Harness, sourceOf } from './contract.ts';
import { clusterMetadata, issuer, podLogin, poolAudience, signal } from './gcp-lab.ts';

type DrongoHarness = Harness & { readonly drongo: Drongo };

/** Secrets in drongo, logins at a fake: drongo has no token exchange, and takes any token. */
async function harness(): Promise<DrongoHarness> {
  const [drongo, cloud] = await Promise.all([startDrongo(), startGcpCloud(issuer, poolAudience)]);
  for (const [path, text] of Object.entries(clusterMetadata)) cloud.metadata.set(path, text);
  // An id has no slashes.
  const idOf = (name: string) => name.replaceAll('/', '_');
  return {
    drongo,
    backend: secretManagerBackend as Harness['backend'],
    settings: {
      project: 'shop-prod',
      endpoint: drongo.address,
      iamEndpoint: cloud.address,
      tokenEndpoint: `${cloud.address}/token`,
      metadataHost: cloud.address.slice('http://'.length),
    },
    login: podLogin(),
    address: idOf,
    shown: idOf,
    put: (name, json) => drongo.add('shop-prod', idOf(name), Buffer.from(json)),
    remove: (name) => drongo.delete('shop-prod', idOf(name)),
    async close() {
      await Promise.all([drongo.stop(), cloud.close()]);
    },
  };
}

backendContract('gcp-secretmanager', harness, requires('drongo'));

describe('reads of a real Secret Manager', requires('drongo'), () => {
  let lab: DrongoHarness;
  before(async () => {
    lab = await harness();
  });
  after(() => lab.close());

  it('reads versions by number and the latest one, bytes as they are, and names the version that it got', async () => {
    const bytes = Uint8Array.from([0, 1, 2, 255, 254, 13, 10]);
    await lab.drongo.add('shop-prod', 'license', Buffer.from('one'));
    await lab.drongo.add('shop-prod', 'license', bytes);
    const session = await connect(lab);
    const read = (address: string, version?: string) =>
      session.read([lab.backend.parseRef(sourceOf(address, version === undefined ? {} : { version }))], signal)[0];
    const latest = await read('projects/shop-prod/secrets/license/versions/latest');
    assert.deepEqual(Buffer.from(latest?.bytes ?? []), Buffer.from(bytes));
    assert.equal(latest?.version, 'projects/shop-prod/secrets/license/versions/2');
    assert.equal(latest?.keys, undefined);
    const first = await read('license', '1');
    assert.equal(Buffer.from(first?.bytes ?? []).toString(), 'one');
    assert.equal(first?.version, 'projects/shop-prod/secrets/license/versions/1');
  });

  it('tells disabled and destroyed versions from missing ones', async () => {
    await lab.drongo.add('shop-prod', 'retired', Buffer.from('x'));
    const session = await connect(lab);
    const failing = async (address: string) => {
      const results = await Promise.allSettled(session.read([lab.backend.parseRef(sourceOf(address))], signal));
      return formatError(errorOf(results[0]));
    };
    const name = 'projects/shop-prod/secrets/retired/versions/1';
    await lab.drongo.setState('shop-prod', 'retired', 1, 'disable');
    assert.match(await failing(name), /retired\/versions\/1.*DISABLED.*enable the version.*\[secret-deleted\]/);
    await lab.drongo.setState('shop-prod', 'retired', 1, 'destroy');
    assert.match(await failing(name), /DESTROYED.*add a new version \[secret-deleted\]/);
    assert.match(await failing('projects/shop-prod/secrets/nothing/versions/1'), /nothing.*404.*\[secret-missing\]/);
  });
});
