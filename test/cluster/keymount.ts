import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Cluster, eventually } from './cluster.ts';
import type { OpenBao } from './openbao.ts';

const main = fileURLToPath(new URL('../../provider/main.ts', import.meta.url));
const port = 18_598;

/** Runs keymount beside the driver, with its sockets where the driver looks. */
export async function startKeymount(cluster: Cluster, store: OpenBao): Promise<void> {
  const child = cluster.start(
    'keymount',
    process.execPath,
    [
      ...[main, 'serve', '--socket-dir', cluster.providers, '--state-dir', join(cluster.state, 'keymount')],
      ...['--http', `127.0.0.1:${port}`],
    ],
    { VAULT_ADDR: store.address, VAULT_CACERT: store.ca },
  );
  let exit: string | undefined;
  child.once('exit', (code, signal) => {
    exit = `keymount ended with ${code ?? signal}`;
  });
  await eventually('ready keymount', 30, async () => {
    if (exit) throw new Error(`${exit}: ${await cluster.log('keymount')}`);
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    return ready?.ok ? true : undefined;
  });
}
