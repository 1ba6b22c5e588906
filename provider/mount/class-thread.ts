import { parentPort } from 'node:worker_threads';
import { KeymountError } from '../errors.ts';
import { parseClass } from '../plan/parse.ts';
import type { Plan } from '../plan/plan.ts';
import type { ClassAnswer, ClassQuestion } from './large-classes.ts';

/** What runs in the thread of large-classes.ts: one class after the other. A defect of ours ends the thread. */
parentPort?.on('message', (question: ClassQuestion) => parentPort?.postMessage(answerTo(question)));

function answerTo({ dialect, parameters, options }: ClassQuestion): ClassAnswer {
  try {
    return toAnswer(parseClass(dialect, parameters, options));
  } catch (error) {
    if (!(error instanceof KeymountError)) throw error;
    const { code, message, at, reason, hint } = error;
    return { problem: { code, message, at, reason, hint } };
  }
}

function toAnswer(plan: Plan): ClassAnswer {
  const args = plan.sources.map(({ request }) =>
    request?.args === undefined ? undefined : JSON.stringify(request.args),
  );
  const sources = plan.sources.map((source) => {
    if (source.request === undefined) return source;
    const { args: _args, ...request } = source.request;
    return { ...source, request };
  });
  return { plan: { ...plan, sources }, args };
}
