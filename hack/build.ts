import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

/**
 * `npm run build`: the whole of keymount as one CommonJS file, dist/keymount.cjs, with the driver's proto file beside it and what runs
 * in its thread, dist/class-thread.cjs. That is what the image holds.
 */

const root = new URL('..', import.meta.url).pathname;
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };
const proto = 'proto/provider/v1alpha1/service.proto';

rmSync(`${root}dist`, { recursive: true, force: true });
mkdirSync(`${root}dist/proto/provider/v1alpha1`, { recursive: true });
copyFileSync(`${root}${proto}`, `${root}dist/${proto}`);
const { metafile } = await build({
  entryPoints: { keymount: `${root}provider/main.ts`, 'class-thread': `${root}provider/mount/class-thread.ts` },
  outdir: `${root}dist`,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'linked',
  metafile: true,
  logLevel: 'warning',
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  define: { 'import.meta.url': 'bundleUrl', KEYMOUNT_VERSION: JSON.stringify(version) },
  // node-vault loads axios for a transport that keymount replaces (docs/dependencies.md): 23 MiB that would never be used.
  alias: { axios: `${root}hack/build/no-axios.cjs` },
});
const size = Object.values(metafile.outputs).reduce((most, { bytes }) => Math.max(most, bytes), 0);
console.log(`dist/keymount.cjs ${version}, ${Math.round(size / 1024)} KiB`);
