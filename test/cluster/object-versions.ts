import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';

/** What the driver says of a pod's files in its SecretProviderClassPodStatus, as `id=version` in one text. */
export interface ObjectVersions {
  readonly pod: string;
  readonly versions: string;
  /** When it was first seen, to 200 ms; milliseconds since 1970. */
  readonly at: number;
}

// a jsonpath with a range ends the watch after its first line
const line = '{{.status.podName}}{{range .status.objects}} {{.id}}={{.version}}{{end}}{{"\\n"}}';

/** Watches the namespace and calls `onChange` where a pod's versions are others than before, until `signal` aborts. */
export async function watchObjectVersions(
  cluster: Cluster,
  namespace: string,
  onChange: (seen: ObjectVersions) => void,
  signal: AbortSignal,
): Promise<void> {
  const what = ['get', 'secretproviderclasspodstatuses', '--watch', '-o', `go-template=${line}`];
  const kubectl = await cluster.startKubectl('-n', namespace, ...what);
  const last = new Map<string, string>();
  let taken = 0;
  while (!signal.aborted) {
    await sleep(200);
    const output = kubectl.output();
    const end = output.lastIndexOf('\n') + 1;
    for (const text of output.slice(taken, end).split('\n')) {
      const [pod = '', ...versions] = text.split(' ');
      const now = versions.sort().join(' ');
      if (now === '' || last.get(pod) === now) continue;
      last.set(pod, now);
      onChange({ pod, versions: now, at: Date.now() });
    }
    taken = end;
    if (!kubectl.isRunning()) throw new Error(`kubectl ended:\n${output}`);
  }
  await kubectl.stop();
}
