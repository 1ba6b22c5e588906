import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { formatError } from '../../../provider/errors.ts';
import { type ClassQuestion, LargeClasses } from '../../../provider/mount/large-classes.ts';
import { parseClass } from '../../../provider/plan/parse.ts';
import type { DialectName } from '../../../provider/plan/plan.ts';

const question = (dialect: DialectName, parameters: Record<string, string>): ClassQuestion => ({
  dialect,
  parameters: new Map(Object.entries(parameters)),
  options: {},
});
const many = (object: (index: number) => string) => Array.from({ length: 300 }, (_, index) => object(index)).join('\n');

/** A class of each dialect, with what its objects can have. */
const classes: Partial<Record<DialectName, Record<string, string>>> = {
  vault: {
    roleName: 'web',
    refreshInterval: '5m',
    objects: many(
      (i) =>
        `- {objectName: o${i}, secretPath: secret/data/a${i}, secretKey: k, secretArgs: {a: 12345678901234567890, b: {c: [1.10, x]}}, method: PUT}`,
    ),
  },
  aws: {
    region: 'eu-west-1',
    objects: many(
      (i) => `- {objectName: o${i}, objectType: secretsmanager, jmesPath: [{path: a.b, objectAlias: p${i}}]}`,
    ),
  },
  gcp: { secrets: many((i) => `- {resourceName: projects/p/secrets/s${i}/versions/1, path: f${i}, mode: 0400}`) },
  azure: {
    keyvaultName: 'vault',
    tenantId: 't',
    clientID: 'c',
    objects: `array:\n${many((i) => `  - |\n    objectName: o${i}\n    objectType: secret`)}`,
  },
};

describe('large classes', () => {
  let large = new LargeClasses();
  afterEach(async () => {
    await large.close();
    large = new LargeClasses();
  });

  for (const [dialect, parameters] of Object.entries(classes) as [DialectName, Record<string, string>][]) {
    it(`of ${dialect} are the plan that a small one is, without holding up anybody`, async () => {
      let turns = 0;
      let over = false;
      const turn = () => {
        turns++;
        if (!over) setImmediate(turn);
      };
      turn();
      const parsed = await large.parse(question(dialect, parameters));
      over = true;
      assert.ok('plan' in parsed, 'error' in parsed ? formatError(parsed.error) : '');
      assert.deepEqual(parsed.plan, parseClass(dialect, new Map(Object.entries(parameters))));
      assert.ok(turns > 10, `${turns} turns of the event loop meanwhile`);
    });
  }

  it('tell their mistakes as small ones do', async () => {
    const wrong = question('vault', {
      objects: `- {objectName: a}\n${many((i) => `- {objectName: o${i}, secretPath: s${i}}`)}`,
    });
    const parsed = await large.parse(wrong);
    assert.ok('error' in parsed);
    assert.throws(
      () => parseClass(wrong.dialect, wrong.parameters),
      (error: Error) => formatError(error as never) === formatError(parsed.error),
    );
    assert.equal(parsed.error.status, 'INVALID_ARGUMENT');
  });

  it('that take too long are given up, and the next one is read by another thread', async () => {
    let threads = 0;
    large = new LargeClasses({
      longest: 300,
      open: () => {
        const hangs = "require('worker_threads').parentPort.on('message', () => { for (;;); })";
        const answers =
          "const { parentPort } = require('worker_threads'); parentPort.on('message', () => parentPort.postMessage({ plan: { sources: [] }, args: [] }))";
        return new Worker(threads++ === 0 ? hangs : answers, { eval: true });
      },
    });
    const [first, second] = await Promise.all([1, 2].map(() => large.parse(question('vault', {}))));
    assert.ok(first !== undefined && 'error' in first);
    assert.match(formatError(first.error), /takes too long to read; .*\[deadline-exceeded\]$/);
    assert.deepEqual(second, { plan: { sources: [] } });
    assert.equal(threads, 2);
  });

  it('are told to be no fault of theirs where no thread can be had', async () => {
    large = new LargeClasses({
      open: () => {
        throw new Error('EAGAIN');
      },
    });
    for (const _ of [1, 2]) {
      const parsed = await large.parse(question('vault', {}));
      assert.equal('error' in parsed && parsed.error.code, 'internal');
    }
  });

  for (const [what, code, program] of [
    ['fills its memory', 'class-invalid', 'const all = []; for (;;) all.push(new Array(1e5).fill({}).map(() => ({})))'],
    ['ends', 'internal', 'process.exit(0)'],
    ['has a defect', 'internal', "throw new TypeError('hvs.secret')"],
  ] as const) {
    it(`outlive a thread that ${what}`, async () => {
      const resourceLimits = { maxOldGenerationSizeMb: 16 };
      large = new LargeClasses({
        open: () =>
          new Worker(`require('worker_threads').parentPort.on('message', () => { ${program} })`, {
            eval: true,
            resourceLimits,
          }),
      });
      for (const _ of [1, 2]) {
        const parsed = await large.parse(question('vault', {}));
        assert.ok('error' in parsed);
        assert.equal(parsed.error.code, code);
        assert.doesNotMatch(formatError(parsed.error), /hvs/);
      }
    });
  }
});
