import { Worker } from 'node:worker_threads';
import { type Code, KeymountError, type Place, toKeymountError } from '../errors.ts';
import type { Parameters } from '../plan/parameters.ts';
import type { DialectName, Plan, PlanOptions } from '../plan/plan.ts';
import { inBackground } from '../util/background.ts';
import { after, systemClock } from '../util/clock.ts';
import { parseJson } from '../util/json.ts';

/** What the thread is asked. */
export interface ClassQuestion {
  readonly dialect: DialectName;
  readonly parameters: Parameters;
  readonly options: PlanOptions;
}

/** What it answers. Neither errors nor exact numbers survive the way as what they are. */
export type ClassAnswer =
  /** `args`: those of the requests of the sources, in their order, as JSON; the plan is without them. */
  | { readonly plan: Plan; readonly args: readonly (string | undefined)[] }
  | {
      readonly problem: {
        readonly code: Code;
        readonly message: string;
        readonly at: Place | undefined;
        readonly reason: string | undefined;
        readonly hint: string | undefined;
      };
    };

export type Parsed = { readonly plan: Plan } | { readonly error: KeymountError };

/** Milliseconds for one class. The largest takes a quarter of a second of a whole core, and a container may have a tenth of one. */
const longest = 20_000;
/** Milliseconds after which the thread ends when there is nothing for it to do: it holds some 10 MiB. */
const idle = 60_000;

/**
 * Parses classes whose text would hold up all other pods of the node, in a thread that is started when it is needed: 128 KiB take a
 * quarter of a second. One after the other; a class that takes too long or too much memory costs the thread, not the process.
 */
export class LargeClasses {
  readonly #open: () => Worker;
  readonly #longest: number;
  #thread: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #cancelIdle = () => {};

  constructor({ open = openThread, longest: most = longest } = {}) {
    this.#open = open;
    this.#longest = most;
  }

  /** Never rejects. */
  parse(question: ClassQuestion): Promise<Parsed> {
    const parsed = this.#last.then(() => this.#ask(question)).catch((thrown) => ({ error: toKeymountError(thrown) }));
    this.#last = parsed;
    return parsed;
  }

  async close(): Promise<void> {
    this.#cancelIdle();
    await this.#thread?.terminate();
  }

  #ask(question: ClassQuestion): Promise<Parsed> {
    this.#cancelIdle();
    return new Promise((resolve) => {
      const thread = this.#thread ?? this.#start();
      const finish = (parsed: Parsed) => {
        cancel();
        thread.off('message', onAnswer).off('error', fail).off('exit', onExit);
        this.#cancelIdle = after(systemClock, idle, () => this.#end(thread));
        resolve(parsed);
      };
      const fail = (thrown: unknown) => {
        this.#end(thread);
        finish({ error: isOutOfMemory(thrown) ? tooMuch() : toKeymountError(thrown) });
      };
      const onAnswer = (answer: ClassAnswer) => finish(parsedOf(answer));
      const onExit = (code: number) => fail(new Error(`the thread ended with ${code}`));
      const cancel = after(systemClock, this.#longest, () => fail(tooLong()));
      thread.on('message', onAnswer).on('error', fail).on('exit', onExit);
      thread.postMessage(question);
    });
  }

  #start(): Worker {
    const thread = this.#open();
    thread.unref();
    // Also when nobody waits for it.
    thread.on('error', () => this.#end(thread)).on('exit', () => this.#end(thread));
    this.#thread = thread;
    return thread;
  }

  #end(thread: Worker): void {
    if (this.#thread === thread) this.#thread = undefined;
    // One that cannot be ended has ended.
    inBackground(thread.terminate(), () => {});
  }
}

function parsedOf(answer: ClassAnswer): Parsed {
  if ('plan' in answer) return { plan: withArgs(answer.plan, answer.args) };
  const { code, message, ...facts } = answer.problem;
  return { error: new KeymountError(code, message, facts) };
}

function withArgs(plan: Plan, args: readonly (string | undefined)[]): Plan {
  const sources = plan.sources.map((source, index) => {
    const text = args[index];
    if (text === undefined || source.request === undefined) return source;
    return { ...source, request: { ...source.request, args: parseJson(text) } };
  });
  return { ...plan, sources };
}

function isOutOfMemory(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

function tooMuch(): KeymountError {
  return new KeymountError('class-invalid', 'the class takes too much memory to read', {
    hint: 'split it into several classes',
  });
}

function tooLong(): KeymountError {
  return new KeymountError('deadline-exceeded', 'the class takes too long to read', {
    hint: 'give keymount more CPU, or split the class into several',
  });
}

/** Beside the bundle, or the source beside this one. */
const entry = import.meta.url.endsWith('.cjs') ? './class-thread.cjs' : './class-thread.ts';

function openThread(): Worker {
  return new Worker(new URL(entry, import.meta.url), {
    name: 'classes',
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 8 },
  });
}
