import fc from 'fast-check';

/** How large the parts of an odd request get. */
export interface Sizes {
  /** Characters of a text. */
  readonly text: number;
  /** Levels of nested lists. */
  readonly depth: number;
}

/** What a Mount may be asked with, by whoever writes classes and pods, or by a broken driver. */
export interface OddRequests {
  /** Any text at all. */
  readonly junk: fc.Arbitrary<string>;
  /** Texts that look like a class's objects, and are odd somewhere. */
  readonly objects: fc.Arbitrary<string>;
  /** Of parameters. */
  readonly names: fc.Arbitrary<string>;
}

const names = fc.constantFrom(
  'roleName',
  'objects',
  'vaultAddress',
  'vaultAuthMountPath',
  'vaultNamespace',
  'vaultCACertPath',
  'connection',
  'audience',
  'secretProviderClass',
  'csi.storage.k8s.io/pod.name',
  'csi.storage.k8s.io/pod.uid',
  'csi.storage.k8s.io/serviceAccount.tokens',
  '__proto__',
  'constructor',
  '',
);

const fields = fc.constantFrom(
  'objectName',
  'secretPath',
  'secretKey',
  'method',
  'secretArgs',
  'file',
  'secret',
  'key',
  'mode',
  'filePermission',
  '__proto__',
);

export function oddRequests(sizes: Sizes): OddRequests {
  const junk = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.constantFrom('', 'null', '[]', '7', '"x"', '{', '{}', '\0', '\u{10ffff}', '__proto__', '../../x', '\ud800'),
    fc.nat({ max: sizes.depth }).map((depth) => '['.repeat(depth)),
    fc.nat({ max: sizes.text }).map((length) => 'x'.repeat(length)),
  );
  const values = fc.oneof(junk, fc.jsonValue(), fc.constantFrom('a/../b', '/etc/passwd', '..data', 'x'.repeat(300)));
  const levels = Math.min(sizes.depth, 4_000);
  const objects = fc.oneof(
    junk,
    fc.array(fc.dictionary(fields, values)).map((list) => JSON.stringify(list)),
    fc.nat({ max: levels }).map((depth) => `${'- '.repeat(depth)}x`),
    fc.nat({ max: levels }).map(mappings),
    fc.nat({ max: 30 }).map(aliases),
    fc.constantFrom(
      '- &a [*a]',
      '&a {<<: *a}',
      '!!binary x',
      '%YAML 9.9\n---\nx',
      '? [a]\n: b',
      '- objectName: >',
      '\t- x',
      '\ufeff- x',
    ),
  );
  return { junk, objects, names };
}

function mappings(depth: number): string {
  return Array.from({ length: depth }, (_, level) => `${' '.repeat(level % 60)}a:`).join('\n');
}

/** `a: &a0 [x], b: &a1 [*a0, *a0], …`: small, and huge where aliases are followed without a bound. */
function aliases(levels: number): string {
  const lines = Array.from({ length: levels }, (_, level) => `- &a${level + 1} [*a${level}, *a${level}, *a${level}]`);
  return ['- &a0 [x]', ...lines].join('\n');
}
