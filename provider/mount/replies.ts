import { LRUCache } from 'lru-cache';
import type { Plan } from '../plan/plan.ts';
import type { ReadOutcome } from '../sessions/reads.ts';
import type { MountReply } from './mount.ts';

/**
 * Replies by what they were made of: the plan, the permission, and the number of every read. A number belongs to one read of one
 * session, so a reply is only ever found by who may have all of it. Backend versions would not do: two tenants with the same
 * class and version 1 are two replies.
 */
export class Replies {
  readonly #replies: LRUCache<string, MountReply>;

  constructor(bytes = 16 * 2 ** 20) {
    this.#replies = new LRUCache({ max: 500, maxSize: bytes, sizeCalculation: sizeOf });
  }

  /** undefined where a read failed: a failure is never remembered. */
  keyOf(plan: Plan, reads: readonly ReadOutcome[], permission: number): string | undefined {
    const numbers = reads.map((read) => ('number' in read ? read.number : 0));
    return numbers.includes(0) ? undefined : `${planNumber(plan)} ${permission} ${numbers.join(' ')}`;
  }

  get(key: string | undefined): MountReply | undefined {
    return key === undefined ? undefined : this.#replies.get(key);
  }

  put(key: string | undefined, reply: MountReply): void {
    if (key !== undefined) this.#replies.set(key, reply);
  }
}

const planNumbers = new WeakMap<Plan, number>();
let lastPlanNumber = 0;

function planNumber(plan: Plan): number {
  let number = planNumbers.get(plan);
  if (number === undefined) {
    number = ++lastPlanNumber;
    planNumbers.set(plan, number);
  }
  return number;
}

function sizeOf({ files }: MountReply): number {
  return files.reduce((sum, { path, contents }) => sum + 2 * path.length + contents.length + 256, 512);
}
