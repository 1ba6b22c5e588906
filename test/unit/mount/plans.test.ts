import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { Plans } from '../../../provider/mount/plans.ts';
import { type MountRequest, readRequest } from '../../../provider/mount/request.ts';
import { parseClass } from '../../../provider/plan/parse.ts';
import type { DialectName } from '../../../provider/plan/plan.ts';

const requestOf = (parameters: Record<string, string>): MountRequest =>
  readRequest({ attributes: JSON.stringify(parameters), secrets: 'null', permission: '420' });

const classOf = (objects: string) => requestOf({ roleName: 'web', objects });
const never = new AbortController().signal;
const get = (plans: Plans, dialect: DialectName, request: MountRequest) => plans.get(dialect, request, never);

/** Large classes are parsed here as well, each counted. */
function newPlans() {
  const large: string[] = [];
  const plans = new Plans(
    {},
    {
      parse: async ({ dialect, parameters, options }) => {
        large.push(dialect);
        return { plan: parseClass(dialect, parameters, options) };
      },
    },
  );
  return Object.assign(plans, { large });
}

const good = '- {objectName: a, secretPath: s}';

describe('plans', () => {
  it('of equal parameters are one plan, whichever pod asks', () => {
    const plans = newPlans();
    const one = get(plans, 'vault', requestOf({ roleName: 'web', objects: good, 'csi.storage.k8s.io/pod.name': 'a' }));
    const other = get(
      plans,
      'vault',
      requestOf({ objects: good, roleName: 'web', 'csi.storage.k8s.io/pod.name': 'b' }),
    );
    assert.equal(one, other);
    assert.equal(plans.size, 1);
  });

  it('differ between dialects', () => {
    const plans = newPlans();
    assert.notEqual(get(plans, 'vault', classOf(good)), get(plans, 'openbao', classOf(good)));
  });

  it('differ by any parameter', async () => {
    const plans = newPlans();
    await get(plans, 'vault', classOf(good));
    await get(plans, 'vault', classOf(`${good}\n`));
    await get(plans, 'vault', requestOf({ roleName: 'web', objects: good, audience: 'v' }));
    assert.equal(plans.size, 3);
  });

  it('remember mistakes: a wrong class is parsed once', () => {
    const plans = newPlans();
    const errors = [1, 2].map(() => {
      try {
        return get(plans, 'vault', classOf('x: y'));
      } catch (error) {
        return error;
      }
    });
    assert.ok(errors[0] instanceof KeymountError);
    assert.equal(errors[0].code, 'class-invalid');
    assert.equal(errors[0], errors[1]);
  });

  it('do not remember what says nothing of the class', async () => {
    const answers: (KeymountError | undefined)[] = [
      new KeymountError('deadline-exceeded', 'the class takes too long to read'),
      new KeymountError('internal', 'a defect'),
      undefined,
    ];
    const parse: ConstructorParameters<typeof Plans>[1]['parse'] = async ({ dialect, parameters, options }) => {
      const error = answers.shift();
      return error === undefined ? { plan: parseClass(dialect, parameters, options) } : { error };
    };
    const plans = new Plans({}, { parse });
    const large = classOf(`${good}\n#${'x'.repeat(9_000)}`);
    await assert.rejects(async () => get(plans, 'vault', large), { code: 'deadline-exceeded' });
    await assert.rejects(async () => get(plans, 'vault', large), { code: 'internal' });
    assert.equal(plans.size, 0);
    assert.ok(await get(plans, 'vault', large));
    assert.equal(plans.size, 1);
  });

  it('of large classes are made apart, once for all who ask at the same time', async () => {
    const plans = newPlans();
    const large = classOf(`${good}\n#${'x'.repeat(9_000)}`);
    const [one, other] = await Promise.all([get(plans, 'vault', large), get(plans, 'vault', large)]);
    assert.equal(one, other);
    assert.deepEqual(plans.large, ['vault']);
    assert.equal(get(plans, 'vault', large), one, 'known, so at once');
    assert.ok(!(get(plans, 'vault', classOf(`${good}\n#${'x'.repeat(7_000)}`)) instanceof Promise));
    assert.deepEqual(plans.large, ['vault']);
  });

  it('are kept as far as their classes together are small', async () => {
    const plans = newPlans();
    for (let i = 0; i < 200; i++) await get(plans, 'vault', classOf(`${good}\n#${i}${'x'.repeat(100_000)}`));
    assert.ok(plans.size >= 30 && plans.size <= 42, `${plans.size} plans of 100 kB are kept`);
  });

  it('are a thousand of small classes at most', async () => {
    const plans = newPlans();
    for (let i = 0; i < 1100; i++) await get(plans, 'vault', classOf(`- {objectName: a${i}, secretPath: s}`));
    assert.equal(plans.size, 1000);
  });
});
