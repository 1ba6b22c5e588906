import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createSealer } from '../../provider/leases/seal.ts';
import { type JsonObject, parseJson } from '../../provider/util/json.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { onlyFile, openState } from '../unit/leases/state-folder.ts';

const digits = fc.tuple(
  fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
  fc.constantFrom('', '.0', '.50', 'e7', 'E-3'),
);
const scalar = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
  digits.map(([whole, rest]) => `${whole}${rest}`),
  fc.constantFrom('true', 'false', 'null'),
);
const key = fc
  .oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString'))
  .map((name) => JSON.stringify(name));
const { object } = fc.letrec<{ object: string; value: string }>((tie) => ({
  object: fc
    .uniqueArray(fc.tuple(key, tie('value')), { maxLength: 5, selector: ([name]) => name })
    .map((entries) => `{${entries.map(([name, value]) => `${name}:${value}`).join(',')}}`),
  value: fc.oneof(
    { maxDepth: 4 },
    scalar,
    tie('object'),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
  ),
}));

describe('any record', () => {
  it('is the same text when it comes back', async () => {
    const dir = scratchFolder('property');
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), object, async (name, text) => {
        const record = parseJson(text) as JsonObject;
        const state = await openState(dir);
        await state.save(name, record);
        const found = await (await openState(dir)).load();
        await state.remove(name);
        assert.equal(found.length, 1);
        assert.equal(Buffer.from(found[0]?.key ?? '').toString('hex'), Buffer.from(name).toString('hex'));
        assert.equal(JSON.stringify(found[0]?.record), JSON.stringify(record));
      }),
      { numRuns: 150 },
    );
  });

  it('is never replaced by a wrong one, whatever happens to the bytes of its file', async () => {
    const dir = scratchFolder('property');
    const record = { token: 'hvs.secret', pad: 'x'.repeat(200) };
    const state = await openState(dir);
    await state.save('a', record);
    const file = onlyFile(dir);
    const good = readFileSync(file);
    const damage = fc.oneof(
      fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => {
        const bytes = Buffer.from(good);
        bytes[at] = (bytes[at] as number) ^ flip;
        return bytes;
      }),
      fc.nat(good.length - 1).map((length) => good.subarray(0, length)),
      fc.uint8Array({ minLength: 1, maxLength: 64 }).map((tail) => Buffer.concat([good, tail])),
      fc
        .tuple(fc.nat(good.length), fc.uint8Array({ minLength: 1, maxLength: 9 }))
        .map(([at, more]) => Buffer.concat([good.subarray(0, at), more, good.subarray(at)])),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(damage, async (bytes) => {
        fc.pre(!bytes.equals(good));
        writeFileSync(file, bytes);
        const next = await openState(dir);
        assert.deepEqual(await next.load(), []);
        assert.equal(next.reports[0]?.event, 'set-aside');
        assert.equal(/secret|token/.test(next.reports[0]?.reason ?? ''), false);
        rmSync(`${file}.unusable`);
      }),
      { numRuns: 300 },
    );
  });

  it('opens under its own key and name only', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
    const name = fc.string().map((text) => createHash('sha256').update(text).digest('hex'));
    fc.assert(
      fc.property(bytes, name, name, (plain, own, other) => {
        const sealer = createSealer(randomBytes(32), randomBytes);
        const sealed = sealer.seal(own, plain);
        assert.deepEqual(sealer.open(own, sealed), { plain });
        assert.equal('problem' in sealer.open(other, sealed), own !== other);
        assert.ok('problem' in createSealer(randomBytes(32), randomBytes).open(own, sealed));
      }),
    );
  });
});
