import { type Clock, systemClock } from '../util/clock.ts';

/**
 * Goes on evenly, whatever is done to the machine's clock: milliseconds since 1970 as they were when the process began, and what
 * has passed since. Its times mean nothing to another process.
 */
export const steadyClock: Clock = {
  ...systemClock,
  now: () => performance.timeOrigin + performance.now(),
};
