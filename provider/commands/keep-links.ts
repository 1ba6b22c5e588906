import { LRUCache } from 'lru-cache';
import { toKeymountError } from '../errors.ts';
import { occupantOf } from '../rpc/sockets.ts';
import type { Clock } from '../util/clock.ts';
import { faultOf, type Link, makeLink } from './links.ts';
import type { PrepareUse } from './prepare-use.ts';

/** Milliseconds between looks: six calls of the system take some 20 µs. */
const interval = 200;
/** Milliseconds before the same is said of a link again. */
const lineEvery = 10_000;

/**
 * Makes links again that are gone or lead elsewhere, until it is told to stop: a Go provider that ends removes what lies under the
 * path of its socket, which is our link where that took its place. `takeover`: also in the place of a socket on which another provider
 * answers. The links stay when it stops.
 */
export async function keepLinks(links: readonly Link[], takeover: boolean, { clock, say, stop }: PrepareUse) {
  const said = new LRUCache<string, number>({ max: 100 });
  const seldom = (line: string) => {
    const last = said.get(line) ?? Number.NEGATIVE_INFINITY;
    if (clock.now() - last < lineEvery) return;
    said.set(line, clock.now());
    say(line);
  };
  while (!stop.aborted) {
    for (const link of links) await mend(link, takeover, seldom, clock);
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
