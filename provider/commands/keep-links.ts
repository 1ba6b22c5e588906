import { toKeymountError } from '../errors.ts';
import { occupantOf } from '../rpc/sockets.ts';
import type { Clock } from '../util/clock.ts';
import { faultOf, type Link, makeLink } from './links.ts';

export interface KeepOptions {
  readonly clock: Clock;
  /** Also in the place of a socket on which another provider answers. */
  readonly takeover: boolean;
  readonly print: (text: string) => void;
  readonly stop: AbortSignal;
}

/** Milliseconds between looks: six calls of the system take some 20 µs. */
const interval = 200;
/** Milliseconds before the same is said of a link again. */
const lineEvery = 10_000;

/**
 * Makes links again that are gone or lead elsewhere, until it is told to stop: a Go provider that ends removes what lies under the
 * path of its socket, which is our link where that took its place. The links stay when it stops.
 */
export async function keepLinks(links: readonly Link[], { clock, takeover, print, stop }: KeepOptions): Promise<void> {
  const said = new Map<string, number>();
  const say = (text: string) => {
    const last = said.get(text) ?? Number.NEGATIVE_INFINITY;
    if (clock.now() - last < lineEvery) return;
    said.set(text, clock.now());
    print(`${text}\n`);
  };
  while (!stop.aborted) {
    for (const link of links) await mend(link, takeover, say, clock);
    await clock.sleep(interval, stop).catch(() => {});
  }
}

async function mend(link: Link, takeover: boolean, say: (text: string) => void, clock: Clock): Promise<void> {
  try {
    const fault = faultOf(link);
    if (fault === undefined) return;
    const runtime = takeover ? undefined : await occupantOf(link.path, clock);
    if (runtime !== undefined) return say(`${link.path} is taken by ${runtime}: it is left alone without --takeover`);
    makeLink(link);
    say(`${link.path} ${fault}: it is a link to ${link.target} again`);
  } catch (thrown) {
    say(`${link.path} cannot be made again: ${toKeymountError(thrown).message}`);
  }
}
