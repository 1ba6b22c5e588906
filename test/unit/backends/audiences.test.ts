import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as audiences from '../../../provider/backends/audiences.ts';

const { storeOf } = audiences;

describe('the store of an audience', () => {
  it('is known for each audience that a backend has as its default', () => {
    const defaults = Object.values(audiences).filter((each) => typeof each === 'string');
    assert.ok(defaults.length >= 4);
    for (const audience of defaults) assert.notEqual(storeOf(audience), undefined, audience);
  });

  const rows: readonly [string, string | undefined][] = [
    ['sts.amazonaws.com', 'AWS'],
    ['STS.amazonaws.com', 'AWS'],
    ['sts.eu-central-1.amazonaws.com', 'AWS'],
    ['sts.amazonaws.com.cn', 'AWS'],
    ['https://sts.amazonaws.com/', 'AWS'],
    ['pods.eks.amazonaws.com', 'AWS'],
    ['api://AzureADTokenExchange', 'Azure'],
    ['api://AzureADTokenExchangeUSGov', 'Azure'],
    ['api://AKSIdentityBinding', 'Azure'],
    ['shop-prod.svc.id.goog', 'Google Cloud'],
    ['identitynamespace:shop.svc.id.goog:https://container.googleapis.com/v1/p', 'Google Cloud'],
    ['//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k', 'Google Cloud'],
    ['https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k', 'Google Cloud'],
    ['https://container.googleapis.com/v1/projects/p/locations/l/clusters/c', 'Google Cloud'],
    ['https://kubernetes.default.svc', 'the API server'],
    ['https://kubernetes.default.svc.cluster.local', 'the API server'],
    ['https://kubernetes.default.svc:443/', 'the API server'],
    ['kubernetes.default.svc', 'the API server'],
    ['kubernetes', 'the API server'],
    ['vault', undefined],
    ['openbao', undefined],
    ['https://vault.example.com', undefined],
    ['https://vault.example/kubernetes', undefined],
    ['notamazonaws.com', undefined],
    ['https://amazonaws.com.example', undefined],
    ['https://googleapis.com.example', undefined],
    ['', undefined],
  ];
  for (const [audience, store] of rows) {
    it(`of ${JSON.stringify(audience)} is ${store ?? 'none'}`, () => assert.equal(storeOf(audience), store));
  }
});
