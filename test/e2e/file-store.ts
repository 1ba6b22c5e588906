import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DriverRequest } from '../lab/driver-attributes.ts';
import { driverRequest } from '../lab/driver-attributes.ts';
import { aPod } from '../lab/pod.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { canaries } from './keymount.ts';

/** The smallest thing that keymount can mount: a secret in a file, which needs no server. */
export interface FileStore {
  /** Arguments of `keymount serve`. */
  readonly args: string[];
  /** What the secret holds. */
  readonly password: string;
  /** A Mount of it on keymount.sock: one file, `password`. */
  readonly request: DriverRequest;
  /** Writes another secret, `name` as classes name it. */
  put(name: string, contents: string): void;
  /** A Mount of several of them, a file each. */
  requestOf(...names: string[]): DriverRequest;
}

export function makeFileStore(): FileStore {
  const path = scratchFolder('store');
  const config = join(scratchFolder('config'), 'keymount.yaml');
  const allow = [{ namespaces: ['shop'] }];
  writeFileSync(config, JSON.stringify({ connections: { local: { kind: 'file', path, trustDriver: true, allow } } }));
  const password = canaries.plant('the password in the file store');
  const put = (name: string, contents: string) => writeFileSync(join(path, name), contents);
  const requestOf = (...names: string[]) => {
    const objects = JSON.stringify(names.map((name) => ({ file: name, secret: name })));
    return driverRequest({ pod: aPod(), parameters: { connection: 'local', objects } });
  };
  put('password', password);
  return { args: ['--config', config], password, request: requestOf('password'), put, requestOf };
}
