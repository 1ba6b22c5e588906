/**
 * Runs tasks of one name one after the other. While one runs, only the last that was asked for waits: those before it end with
 * it, for it makes them pointless. Tasks of different names run side by side.
 */
export interface WriteOrder {
  /** Ends as the task does, or as the later task that took its place. */
  readonly run: (name: string, task: () => Promise<void>) => Promise<void>;
  /** Resolves when nothing runs or waits any more. Never rejects. */
  readonly idle: () => Promise<void>;
}

interface Lane {
  running: Promise<void>;
  waiting: { task: () => Promise<void>; readonly ends: Promise<void> } | undefined;
}

export function createWriteOrder(): WriteOrder {
  const lanes = new Map<string, Lane>();

  function begin(name: string, lane: Lane, task: () => Promise<void>): Promise<void> {
    const running = task();
    lane.running = running;
    const next = () => {
      if (lane.waiting === undefined && lane.running === running) lanes.delete(name);
    };
    running.then(next, next);
    return running;
  }

  function wait(name: string, lane: Lane, task: () => Promise<void>): Promise<void> {
    if (lane.waiting !== undefined) {
      lane.waiting.task = task;
      return lane.waiting.ends;
    }
    const go = () => {
      const last = lane.waiting?.task ?? task;
      lane.waiting = undefined;
      return begin(name, lane, last);
    };
    const ends = lane.running.then(go, go);
    lane.waiting = { task, ends };
    return ends;
  }

  return {
    run(name, task) {
      const lane = lanes.get(name);
      if (lane !== undefined) return wait(name, lane, task);
      const fresh: Lane = { running: Promise.resolve(), waiting: undefined };
      lanes.set(name, fresh);
      return begin(name, fresh, task);
    },
    async idle() {
      while (lanes.size > 0) {
        await Promise.allSettled([...lanes.values()].map((lane) => lane.waiting?.ends ?? lane.running));
      }
    },
  };
}
