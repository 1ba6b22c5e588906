/** A process that saves without end until it is killed: `node save-loop.ts DIR`. Prints `saved KEY STEP` once a save is done. */
import { writeSync } from 'node:fs';
import { openState } from './state-folder.ts';

const [dir = ''] = process.argv.slice(2);
const state = await openState(dir);
const found = new Map((await state.load()).map(({ key, record }) => [key, Number(record['step'])]));

async function saveForever(key: string): Promise<void> {
  for (let step = (found.get(key) ?? 0) + 1; ; step++) {
    await state.save(key, { step: String(step), pad: `${step} `.repeat(20_000 / (1 + String(step).length)) });
    writeSync(1, `saved ${key} ${step}\n`);
  }
}

await Promise.all(['a', 'b', 'c'].map(saveForever));
