import { execFile } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { blocksOf, placeOf, repository } from '../docs/page.ts';
import { scratchFolder } from '../lab/scratch.ts';
import type { Cluster } from './cluster.ts';
import type { ClusterBao } from './openbao.ts';
import { cache } from './parts.ts';

const run = promisify(execFile);

/** Commands of a page, as a reader would give them in a shell. */
export interface PageCommands {
  /**
   * Runs the commands of one step, block by block, and returns what they wrote. `before` is told of each block; `skip` leaves it out.
   */
  step(name: string, before?: (block: string) => unknown): Promise<string>;
  /** The steps that the page has. */
  readonly steps: readonly string[];
}

/**
 * The blocks of `sh step=NAME` of a page, with this cluster's server and CA in place of the page's, and with what it tells an admin to write
 * into manifests/install.yaml written there.
 */
export async function pageCommands(page: string, cluster: Cluster, bao: ClusterBao): Promise<PageCommands> {
  const folder = scratchFolder('page');
  const install = join(folder, 'install.yaml');
  const config = stringify({ dropIn: { vault: { address: bao.tlsAddress, tls: { ca: '/etc/keymount/tls/ca.pem' } } } });
  const manifest = await readFile(join(repository, 'manifests/install.yaml'), 'utf8');
  // as the last keys of config.yaml
  const edited = manifest.replace(/( {4}# dropIn:\n(?: {4}#.*\n)*)/, `$1${config.replace(/^(?=.)/gm, '    ')}`);
  if (edited === manifest) throw new Error('manifests/install.yaml has no place for dropIn');
  writeFileSync(install, edited);
  writeFileSync(join(folder, 'ca.pem'), await readFile(bao.ca));
  writeKubectl(folder, cluster);
  const blocks = blocksOf(page).filter(({ language, marks }) => language === 'sh' && marks['step'] !== undefined);
  const of = (text: string) =>
    text
      .replaceAll('https://vault.example.com:8200', bao.tlsAddress)
      .replaceAll('/tmp/', `${folder}/`)
      .replaceAll('manifests/install.yaml', install);
  return {
    steps: [...new Set(blocks.map(({ marks }) => marks['step'] ?? ''))],
    async step(name, before = () => undefined) {
      let told = '';
      for (const block of blocks.filter(({ marks }) => marks['step'] === name)) {
        if (before(block.text) === 'skip') continue;
        const env = { ...readersEnvironment(), PATH: `${folder}:${process.env['PATH']}` };
        const script = `set -eo pipefail\n${of(block.text)}`;
        const { stdout, stderr } = await run('bash', ['-c', script], { cwd: repository, env }).catch((error: Error) => {
          throw new Error(`${placeOf(block)} failed`, { cause: error });
        });
        told += stdout + stderr;
      }
      return told;
    },
  };
}

/** That of this process without settings of keymount, such as the KEYMOUNT_TOOLS of the tests, which keymount does not know. */
function readersEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('KEYMOUNT_')));
}

/** kubectl of this cluster. Its driver is a process of the node and no DaemonSet, so that is what a rollout of it restarts. */
function writeKubectl(folder: string, { state, restartDriverCommand }: Cluster): void {
  const path = join(folder, 'kubectl');
  const kube = `${join(cache, 'kube')} kubectl --kubeconfig ${join(state, 'admin.kubeconfig')} --cache-dir ${join(state, 'kubectl')}`;
  writeFileSync(
    path,
    `#!/bin/sh
case "$*" in
  '-n kube-system rollout restart daemonset -l app=secrets-store-csi-driver') exec ${restartDriverCommand} ;;
  *) exec ${kube} "$@" ;;
esac
`,
  );
  chmodSync(path, 0o755);
}
