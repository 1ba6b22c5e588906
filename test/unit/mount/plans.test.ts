import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { Plans } from '../../../provider/mount/plans.ts';
import { type MountRequest, readRequest } from '../../../provider/mount/request.ts';

const requestOf = (parameters: Record<string, string>): MountRequest =>
  readRequest({ attributes: JSON.stringify(parameters), secrets: 'null', permission: '420' });

const classOf = (objects: string) => requestOf({ roleName: 'web', objects });
const good = '- {objectName: a, secretPath: s}';

describe('plans', () => {
  it('of equal parameters are one plan, whichever pod asks', () => {
    const plans = new Plans();
    const one = plans.get('vault', requestOf({ roleName: 'web', objects: good, 'csi.storage.k8s.io/pod.name': 'a' }));
    const other = plans.get('vault', requestOf({ objects: good, roleName: 'web', 'csi.storage.k8s.io/pod.name': 'b' }));
    assert.equal(one, other);
    assert.equal(plans.size, 1);
  });

  it('differ between dialects', () => {
    const plans = new Plans();
    assert.notEqual(plans.get('vault', classOf(good)), plans.get('openbao', classOf(good)));
  });

  it('differ by any parameter', () => {
    const plans = new Plans();
    plans.get('vault', classOf(good));
    plans.get('vault', classOf(`${good}\n`));
    plans.get('vault', requestOf({ roleName: 'web', objects: good, audience: 'v' }));
    assert.equal(plans.size, 3);
  });

  it('remember mistakes: a wrong class is parsed once', () => {
    const plans = new Plans();
    const errors = [1, 2].map(() => {
      try {
        return plans.get('vault', classOf('x: y'));
      } catch (error) {
        return error;
      }
    });
    assert.ok(errors[0] instanceof KeymountError);
    assert.equal(errors[0].code, 'class-invalid');
    assert.equal(errors[0], errors[1]);
  });

  it('are kept as far as their classes together are small', () => {
    const plans = new Plans();
    for (let i = 0; i < 200; i++) plans.get('vault', classOf(`${good}\n#${i}${'x'.repeat(100_000)}`));
    assert.ok(plans.size >= 30 && plans.size <= 42, `${plans.size} plans of 100 kB are kept`);
  });

  it('are a thousand of small classes at most', () => {
    const plans = new Plans();
    for (let i = 0; i < 1100; i++) plans.get('vault', classOf(`- {objectName: a${i}, secretPath: s}`));
    assert.equal(plans.size, 1000);
  });
});
