/**
 * The driver's rules for a path in the volume (v1.6.0: pkg/util/fileutil and the atomic writer), checked here before anything is
 * read. Returns what is wrong with it, or undefined.
 */
export function pathProblem(path: string): string | undefined {
  if (path === '') return 'must not be empty';
  if (path.startsWith('/')) return 'must be relative to the volume';
  if (path.includes('\0')) return 'must not contain a NUL byte';
  // Protobuf takes well-formed text only.
  if (!path.isWellFormed()) return 'must not contain half a surrogate pair';
  if (Buffer.byteLength(path) > 4096) return 'must not be longer than 4096 bytes';
  const elements = path.split('/');
  if (elements.includes('..')) return "must not contain '..'";
  // The atomic writer keeps its own entries (..data, ..2026_…) beside the files.
  if (path.startsWith('..')) return "must not start with '..'";
  if (elements.includes('') || elements.includes('.')) return `must be written without '.', '//' and a final '/'`;
  if (elements.some((element) => Buffer.byteLength(element) > 255)) return 'must not have a name longer than 255 bytes';
  return undefined;
}

/** Pairs of outputs that cannot both be files: the same path twice, or one path a directory of the other. */
export function findCollisions(paths: readonly string[]): { first: number; second: number; reason: string }[] {
  const collisions: { first: number; second: number; reason: string }[] = [];
  const files = new Map<string, number>();
  paths.forEach((path, index) => {
    const before = files.get(path);
    if (before === undefined) files.set(path, index);
    else collisions.push({ first: before, second: index, reason: 'write the same file' });
  });
  // A name is compared only where a file has its length: a path of thousands of elements would be hashed thousands of times.
  const lengths = new Set([...files.keys()].map(({ length }) => length));
  paths.forEach((path, index) => {
    if (files.get(path) !== index) return;
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const parent = lengths.has(slash) ? files.get(path.slice(0, slash)) : undefined;
      if (parent === undefined) continue;
      collisions.push({ first: parent, second: index, reason: 'need one name as a file and as a directory' });
      return;
    }
  });
  return collisions;
}
