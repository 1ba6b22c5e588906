import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readPemBundle } from '../../provider/net/pem-bundle.ts';
import { makeCa } from '../unit/net/certificates.ts';

describe('a PEM bundle', () => {
  const certificates = ['a', 'b', 'c'].map((name) => makeCa(name).cert);
  const end = fc.constantFrom('\n', '\r\n', ' \r\n');

  const good = fc.constantFrom(...certificates);
  /** Blocks that are no certificate. */
  const bad = fc.oneof(
    fc.base64String().map((body) => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`),
    fc
      .tuple(fc.constantFrom('X509 CRL', 'PRIVATE KEY', 'CERTIFICATE REQUEST', ''), good)
      .map(([label, pem]) => pem.replaceAll('-CERTIFICATE-', `-${label}-`).replaceAll('N CERTIFICATE', `N ${label}`)),
    fc.tuple(good, fc.nat()).map(([pem, at]) => `${pem.slice(0, 28 + (at % (pem.length - 60)))}\n`),
  );
  /** Neither begins nor ends anything. */
  const junk = fc.string({ unit: 'binary' }).map((text) => `${text.replaceAll('-----', '---')}\n`);

  it('gives every certificate in it, in order, whatever stands between them', () => {
    const part = fc.oneof(
      good.map((text) => ({ good: text, text })),
      fc.oneof(bad, junk).map((text) => ({ good: undefined, text })),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), end, fc.boolean(), (parts, lineEnd, mark) => {
        const lines = parts.map(({ text }) => text).join('');
        const text = (mark ? '\uFEFF' : '') + lines.replaceAll('\n', lineEnd).trimEnd();
        const wanted = parts.flatMap((each) => (each.good === undefined ? [] : [each.good]));
        assert.deepEqual(readPemBundle(text).certificates, wanted);
      }),
    );
  });

  it('counts each block that is left out', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(good, bad), { maxLength: 12 }), (parts) => {
        const { certificates: found, leftOut } = readPemBundle(parts.join(''));
        assert.equal(found.length + leftOut, parts.length);
      }),
    );
  });

  it('may be anything', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => readPemBundle(text).certificates.length === 0));
  });
});
