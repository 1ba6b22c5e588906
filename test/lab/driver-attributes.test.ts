import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { driverRequest, type Publish } from './driver-attributes.ts';
import { aPod } from './pod.ts';

const pod = aPod({ name: 'web-0', uid: 'pod-uid' });
const tokens = { vault: { token: 'jwt', expirationTimestamp: '2026-01-01T00:00:00Z' } };
const tokensKey = 'csi.storage.k8s.io/serviceAccount.tokens';

function attributesOf(publish: Partial<Publish>): Record<string, string> {
  return JSON.parse(driverRequest({ parameters: {}, pod, ...publish }).attributes) as Record<string, string>;
}

describe('driverRequest', () => {
  it('sends parameters, pod facts and the class name', () => {
    assert.deepEqual(attributesOf({ parameters: { roleName: 'r' }, className: 'web' }), {
      roleName: 'r',
      secretProviderClass: 'web',
      'csi.storage.k8s.io/ephemeral': 'true',
      'csi.storage.k8s.io/pod.name': 'web-0',
      'csi.storage.k8s.io/pod.namespace': 'shop',
      'csi.storage.k8s.io/pod.uid': 'pod-uid',
      'csi.storage.k8s.io/serviceAccount.name': 'web',
    });
  });

  it('lets volumeAttributes win over parameters', () => {
    const attributes = attributesOf({ parameters: { roleName: 'r' }, volumeAttributes: { roleName: 'other' } });
    assert.equal(attributes['roleName'], 'other');
  });

  it('lets neither parameters nor volumeAttributes win over pod facts', () => {
    const lie = { 'csi.storage.k8s.io/pod.namespace': 'kube-system' };
    assert.equal(attributesOf({ parameters: lie, volumeAttributes: lie })['csi.storage.k8s.io/pod.namespace'], 'shop');
  });

  it('writes the tokens over whatever a class or a pod claims them to be', () => {
    const lie = { [tokensKey]: 'forged' };
    const attributes = attributesOf({ parameters: lie, volumeAttributes: lie, tokens });
    assert.deepEqual(JSON.parse(attributes[tokensKey] ?? ''), tokens);
  });

  it('leaves a class that names the tokens itself alone where CSIDriver has no tokenRequests', () => {
    assert.equal(attributesOf({ parameters: { [tokensKey]: 'forged' } })[tokensKey], 'forged');
  });

  it('sends null for no secrets, and no tokens in them', () => {
    assert.equal(driverRequest({ parameters: {}, pod, tokens }).secrets, 'null');
  });

  it('sends tokens in the attributes and beside the secrets where the driver gets them as secrets', () => {
    const publish = { parameters: {}, pod, tokens, tokensInSecrets: true, nodePublishSecret: { user: 'u' } };
    const secrets = JSON.parse(driverRequest(publish).secrets) as Record<string, string>;
    assert.deepEqual(Object.keys(secrets), [tokensKey, 'user']);
    assert.equal(attributesOf(publish)[tokensKey], secrets[tokensKey]);
  });
});
