import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { KeymountError } from '../../../provider/errors.ts';
import { findKubeConfig, type KubeSurroundings } from '../../../provider/kube/config.ts';
import { scratchFolder } from '../../lab/scratch.ts';

const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const pemData = Buffer.from(pem).toString('base64');

function surroundings(parts: Partial<KubeSurroundings> = {}): KubeSurroundings {
  return { kubeconfig: undefined, serviceHost: undefined, servicePort: undefined, podNamespace: undefined, ...parts };
}

interface Parts {
  cluster?: object;
  user?: object;
  context?: object;
  top?: object;
}

function kubeconfig({ cluster = {}, user = { token: 't' }, context = {}, top = {} }: Parts = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    preferences: {},
    'current-context': 'dev',
    clusters: [
      { name: 'other', cluster: { server: 'https://other.example' } },
      { name: 'c', cluster: { server: 'https://api.example:6443', 'certificate-authority-data': pemData, ...cluster } },
    ],
    contexts: [{ name: 'dev', context: { cluster: 'c', user: 'u', ...context } }],
    users: [{ name: 'u', user }],
    ...top,
  };
}

function inFile(content: string): string {
  const file = join(scratchFolder('kubeconfig'), 'config');
  writeFileSync(file, content);
  return file;
}

async function read(parts: Parts, podNamespace?: string) {
  const file = inFile(stringify(kubeconfig(parts)));
  const config = await findKubeConfig(surroundings({ kubeconfig: file, podNamespace }));
  assert.ok(config);
  return { config, file };
}

function invalid(message: RegExp, hint?: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof KeymountError);
    assert.equal(error.code, 'settings-invalid');
    assert.match(error.message, message);
    if (hint !== undefined) assert.match(error.hint ?? '', hint);
    return true;
  };
}

describe('the way to the API server', () => {
  it('is unknown where there is neither a kubeconfig nor a cluster around', async () => {
    assert.equal(await findKubeConfig(surroundings()), undefined);
    assert.equal(await findKubeConfig(surroundings({ kubeconfig: '', serviceHost: '' })), undefined);
  });

  describe('by a kubeconfig', () => {
    it('is read from YAML and from JSON alike', async () => {
      const yaml = await findKubeConfig(surroundings({ kubeconfig: inFile(stringify(kubeconfig())) }));
      const json = await findKubeConfig(surroundings({ kubeconfig: inFile(JSON.stringify(kubeconfig())) }));
      assert.equal(yaml?.server.text, 'https://api.example:6443');
      assert.deepEqual(yaml?.ca, { data: pem });
      assert.deepEqual(yaml?.token, { data: 't' });
      assert.deepEqual(yaml, json);
    });

    it('goes before the ServiceAccount of the pod', async () => {
      const kube = inFile(JSON.stringify(kubeconfig()));
      const config = await findKubeConfig(
        surroundings({ kubeconfig: kube, serviceHost: '10.0.0.1', servicePort: '443' }),
      );
      assert.equal(config?.server.host, 'api.example');
    });

    it('takes the first path of several that exists', async () => {
      const file = inFile(JSON.stringify(kubeconfig()));
      const config = await findKubeConfig(surroundings({ kubeconfig: `/nowhere/config:${file}` }));
      assert.equal(config?.server.host, 'api.example');
    });

    it('finds files relative to its own folder', async () => {
      const { config, file } = await read({
        cluster: { 'certificate-authority-data': undefined, 'certificate-authority': 'ca.pem' },
        user: { 'client-certificate': 'pki/me.crt', 'client-key': '/abs/me.key', tokenFile: 'token' },
      });
      assert.deepEqual(config.ca, { file: join(file, '..', 'ca.pem') });
      assert.deepEqual(config.token, { file: join(file, '..', 'token') });
      assert.deepEqual(config.clientCertificate, {
        cert: { file: join(file, '..', 'pki/me.crt') },
        key: { file: '/abs/me.key' },
      });
    });

    it('prefers data to a file, and a token file to a token', async () => {
      const { config } = await read({
        cluster: { 'certificate-authority': 'ca.pem' },
        user: { token: 't', tokenFile: '/run/token' },
      });
      assert.deepEqual(config.ca, { data: pem });
      assert.deepEqual(config.token, { file: '/run/token' });
    });

    it('keeps tls-server-name, insecure-skip-tls-verify and the path of the server', async () => {
      const { config } = await read({
        cluster: {
          server: 'https://rancher.example/k8s/clusters/c-1',
          'tls-server-name': 'kubernetes',
          'insecure-skip-tls-verify': true,
        },
      });
      assert.equal(config.serverName, 'kubernetes');
      assert.equal(config.skipVerify, true);
      assert.equal(config.server.prefix, '/k8s/clusters/c-1');
    });

    it('takes the namespace from POD_NAMESPACE, then the context, then default', async () => {
      assert.equal((await read({ context: { namespace: 'dev' } }, 'csi')).config.namespace, 'csi');
      assert.equal((await read({ context: { namespace: 'dev' } })).config.namespace, 'dev');
      assert.equal((await read({})).config.namespace, 'default');
    });

    const refusals: [string, Parts, RegExp, RegExp?][] = [
      ['an exec plugin', { user: { exec: { command: 'aws' } } }, /exec plugin/, /token/],
      ['an auth-provider', { user: { 'auth-provider': { name: 'gcp' } } }, /auth-provider is not supported/],
      ['a user name', { user: { username: 'admin', password: 'p4ss' } }, /user name and password/],
      ['impersonation', { user: { token: 't', as: 'root' } }, /impersonation/],
      ['a proxy', { cluster: { 'proxy-url': 'http://proxy:3128' } }, /proxy-url/],
      ['plain http', { cluster: { server: 'http://127.0.0.1:8001' } }, /https:\/\//],
      ['half a client certificate', { user: { 'client-certificate': 'a.crt' } }, /both certificate and key/],
      ['data that is no PEM', { cluster: { 'certificate-authority-data': 'AAAA' } }, /base64 of a PEM/],
      ['a context that is not there', { top: { 'current-context': 'prod' } }, /has no context "prod"/],
      ['a user that is not there', { top: { users: [] } }, /has no user "u"/],
      ['a field of another type', { top: { clusters: 'none' } }, /clusters: /],
    ];
    for (const [what, parts, message, hint] of refusals) {
      it(`refuses ${what}`, async () => {
        await assert.rejects(read(parts), invalid(message, hint));
      });
    }

    it('ignores plugins that are null, as tools write them', async () => {
      const { config } = await read({ user: { token: 't', exec: null, 'auth-provider': null } });
      assert.deepEqual(config.token, { data: 't' });
    });

    it('shows nothing of a token in the error about another field', async () => {
      const error = await read({ user: { token: 'hunter2', tokenFile: 5 } }).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof KeymountError);
      assert.doesNotMatch(String(error.stack), /hunter2/);
    });

    it('is an error where it is named and is not there, or cannot be parsed', async () => {
      const missing = findKubeConfig(surroundings({ kubeconfig: '/nowhere/a:/nowhere/b' }));
      await assert.rejects(missing, invalid(/no kubeconfig at \/nowhere\/a or \/nowhere\/b/));
      const broken = findKubeConfig(surroundings({ kubeconfig: inFile('{ "a": ') }));
      await assert.rejects(broken, invalid(/neither YAML nor JSON/));
    });
  });

  describe('in a pod', () => {
    function podFiles(files: Record<string, string>): string {
      const dir = join(scratchFolder('sa'), 'serviceaccount');
      mkdirSync(dir);
      for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
      return dir;
    }

    it('leads through the files of its ServiceAccount', async () => {
      const serviceAccountDir = podFiles({ token: 'abc', 'ca.crt': pem, namespace: 'csi\n' });
      const config = await findKubeConfig(
        surroundings({ serviceHost: '10.0.0.1', servicePort: '6443', serviceAccountDir }),
      );
      assert.equal(config?.server.text, 'https://10.0.0.1:6443');
      assert.equal(config?.namespace, 'csi');
      assert.deepEqual(config?.ca, { file: join(serviceAccountDir, 'ca.crt') });
      assert.deepEqual(config?.token, { file: join(serviceAccountDir, 'token') });
    });

    it('may be an IPv6 address', async () => {
      const serviceAccountDir = podFiles({ token: 'abc' });
      const config = await findKubeConfig(
        surroundings({ serviceHost: 'fd00::1', servicePort: '443', serviceAccountDir }),
      );
      assert.equal(config?.server.text, 'https://[fd00::1]');
      assert.equal(config?.server.host, 'fd00::1');
    });

    it('is an error without a token, because each node would go on with a version key of its own', async () => {
      const serviceAccountDir = podFiles({ 'ca.crt': pem });
      const found = findKubeConfig(surroundings({ serviceHost: '10.0.0.1', servicePort: '443', serviceAccountDir }));
      await assert.rejects(found, invalid(/there is no .*\/token/, /mount a ServiceAccount token there/));
    });
  });
});
