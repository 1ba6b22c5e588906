import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';

const defaultFolder = fileURLToPath(new URL('../../.cache/tools', import.meta.url));

/** The folder that `hack/tools.sh` fills. */
export function toolsFolder(): string {
  return process.env['KEYMOUNT_TOOLS'] || defaultFolder;
}

/** Programs by name, each with its place below the tools folder. */
const places = {
  bao: 'bin/bao',
  /** OpenBao 2.7.0, which renews a token further than the login that it came from; 2.7.1 does not. */
  'bao-earlier': 'bin/bao-earlier',
  countproxy: 'bin/countproxy',
  drivermount: 'bin/drivermount',
  drongo: 'bin/drongo',
  fakekube: 'bin/fakekube',
  ministack: 'bin/ministack',
  goclient: 'bin/goclient',
  goprovider: 'bin/goprovider',
  mintjwt: 'bin/mintjwt',
  moto_server: 'bin/moto_server',
  mountbench: 'bin/mountbench',
  /** A Python that can `import watchdog`. */
  'python-watchdog': 'bin/python-watchdog',
} as const;

export type Tool = keyof typeof places;

/** The paths of these programs, or one Error that names every missing one and the command that brings them. */
export function need<Name extends Tool>(...names: Name[]): Record<Name, string> {
  const missing = names.filter((name) => !isThere(name));
  if (missing.length > 0) throw new Error(advice(missing));
  return Object.fromEntries(names.map((name) => [name, pathOf(name)])) as Record<Name, string>;
}

/**
 * Options for `describe` or `test`: a skip with its reason where a program is missing, so that a fresh checkout can run
 * the rest. In CI nothing is skipped: there the test runs and fails in `need`.
 */
export function requires(...names: Tool[]): { skip: string | false } {
  const missing = names.filter((name) => !isThere(name));
  return { skip: missing.length > 0 && !process.env['CI'] ? advice(missing) : false };
}

function pathOf(name: Tool): string {
  return `${toolsFolder()}/${places[name]}`;
}

function isThere(name: Tool): boolean {
  try {
    accessSync(pathOf(name), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function advice(missing: Tool[]): string {
  return `${missing.join(', ')} not found below ${toolsFolder()}: run hack/tools.sh`;
}
