import type { Assembly, Surroundings } from '../mount/assemble.ts';
import type { Settings } from '../settings/settings.ts';
import type { Log } from '../telemetry/log.ts';
import type { LinkWatch, LinkWatchDeps } from './link-watch.ts';

const wayOut = 'kubectl -n keymount rollout restart daemonset/keymount makes the links again';

/** Why keymount is not ready; undefined: the links are there. */
export function noMounts(links: LinkWatch): string | undefined {
  const [fault] = links.faults();
  return fault === undefined ? undefined : `no Mount may come: ${fault}; ${wayOut}`;
}

/** The driver says nothing of a link that is gone, so the log does, and an Event on keymount's own pod. */
export function linkReport(
  { podName }: Pick<Settings, 'podName'>,
  { podNamespace, podUid = '' }: Surroundings,
  { events }: Pick<Assembly, 'events'>,
  log: Log,
): Pick<LinkWatchDeps, 'onLost' | 'onBack' | 'onUnseen'> {
  return {
    onLost(fault) {
      log.error({ event: 'link-lost', reason: fault, hint: wayOut });
      if (podNamespace === undefined || podName === undefined) return;
      events?.warn({ namespace: podNamespace, pod: podName, podUid }, 'LinkLost', `${fault}; ${wayOut}`);
    },
    onBack: (path) => log.info({ event: 'link-back', path }),
    onUnseen: (path, reason) => log.warn({ event: 'link-unseen', path, reason }),
  };
}
