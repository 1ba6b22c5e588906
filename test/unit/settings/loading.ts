import { KeymountError } from '../../../provider/errors.ts';
import { type LoadedSettings, loadSettings } from '../../../provider/settings/load.ts';

export interface Given {
  argv?: string[];
  env?: Record<string, string | undefined>;
  /** Text of /etc/keymount.yaml, which is then the configuration file. */
  file?: string;
}

export function load({ argv = [], env = {}, file }: Given = {}): LoadedSettings {
  const readFile = (path: string) => {
    if (file === undefined || path !== '/etc/keymount.yaml') throw Object.assign(new Error(path), { code: 'ENOENT' });
    return file;
  };
  return loadSettings({ argv: file === undefined ? argv : ['--config=/etc/keymount.yaml', ...argv], env, readFile });
}

/** The mistakes that stop the start, one a line, without the count. Empty if there are none. */
export function mistakes(given: Given): string[] {
  try {
    load(given);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof KeymountError) || thrown.code !== 'settings-invalid') throw thrown;
    return thrown.message
      .split('\n')
      .slice(1)
      .map((line) => line.replace(/^- /, ''));
  }
}
