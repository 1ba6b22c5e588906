import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { format, inspect } from 'node:util';
import { SecretString } from '../../../provider/util/secret-string.ts';

describe('a secret string', () => {
  const canary = 'hvs.CANARY-1234';
  const secret = new SecretString(canary);

  const prints: Readonly<Record<string, () => string>> = {
    'in a template': () => `${secret}`,
    'joined to a text': () => `x${secret}`,
    'as JSON': () => JSON.stringify({ secret }),
    inspected: () => inspect({ deep: { secret } }, { showHidden: true, depth: 9, getters: true }),
    formatted: () => format('%s %o %j', secret, secret, secret),
    'in an error': () => String(new Error(`bad ${secret}`).stack),
    'by its keys': () => JSON.stringify([Object.keys(secret), Object.entries(secret), { ...secret }]),
    cloned: () => inspect(structuredClone(secret)),
  };
  for (const [how, print] of Object.entries(prints)) {
    it(`does not show itself ${how}`, () => assert.ok(!print().includes('CANARY'), print()));
  }

  it('is given out by reveal alone', () => assert.equal(secret.reveal(), canary));
});
