import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Keymount, startKeymount } from '../lab/keymount.ts';

/** Flags of `keymount serve` besides the usual ones, and its configuration file. */
export interface Setup {
  readonly flags?: string[] | undefined;
  readonly config?: object | undefined;
}

/** The keymounts of a lab. */
export interface Keymounts {
  /** One that stays until the end. */
  get(setup?: Setup): Promise<Keymount>;
  /** With one that stays where there is one of this kind, else with one for this alone: a dozen would take a gigabyte. */
  use<Result>(setup: Setup, work: (keymount: Keymount) => Promise<Result>): Promise<Result>;
  stop(): Promise<void>;
}

/** All of them have these flags and variables; `folder` is for their configuration files. */
export function createKeymounts(flags: string[], env: Record<string, string>, folder: string): Keymounts {
  const staying = new Map<string, Promise<Keymount>>();
  let configs = 0;

  function start({ flags: more = [], config }: Setup): Promise<Keymount> {
    if (config === undefined) return startKeymount({ env, args: [...flags, ...more] });
    const file = join(folder, `config-${configs++}.yaml`);
    writeFileSync(file, JSON.stringify(config));
    return startKeymount({ env, args: [...flags, ...more, '--config', file] });
  }

  const keyOf = ({ flags: more = [], config }: Setup) => JSON.stringify([more, config]);

  function get(setup: Setup = {}): Promise<Keymount> {
    const known = staying.get(keyOf(setup)) ?? start(setup);
    staying.set(keyOf(setup), known);
    return known;
  }

  return {
    get,
    async use(setup, work) {
      if (staying.has(keyOf(setup)) || keyOf(setup) === keyOf({})) return await work(await get(setup));
      const own = await start(setup);
      try {
        return await work(own);
      } finally {
        await own.stop();
      }
    },
    async stop() {
      await Promise.allSettled([...staying.values()].map(async (each) => (await each).stop()));
    },
  };
}
