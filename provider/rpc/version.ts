import { readFileSync } from 'node:fs';

/** What `Version` answers: the driver's API, and who we are. */
export const apiVersion = 'v1alpha1';
export const runtimeName = 'keymount';

// esbuild puts the version in its place; from the sources it is read from package.json.
declare const KEYMOUNT_VERSION: string | undefined;

export const runtimeVersion: string = typeof KEYMOUNT_VERSION === 'string' ? KEYMOUNT_VERSION : readVersion();

function readVersion(): string {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}
