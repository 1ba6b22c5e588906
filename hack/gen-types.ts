import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * The gRPC types from the driver's proto file, into provider/rpc/gen. With --check nothing is written, and the exit code says
 * whether the committed ones are those that the proto file gives.
 */

const root = new URL('..', import.meta.url).pathname;
const committed = join(root, 'provider/rpc/gen');

function generate(outDir: string): void {
  const tool = join(root, 'node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js');
  const options = ['--defaults', '--oneofs', '--grpcLib=@grpc/grpc-js', '--importFileExtension=.ts'];
  const places = [`--outDir=${outDir}`, `--includeDirs=${join(root, 'proto')}`];
  execFileSync(process.execPath, [tool, 'provider/v1alpha1/service.proto', ...options, ...places], { cwd: root });
  // The tool names the proto file by its place on this machine.
  for (const [name, text] of textsOf(outDir)) writeFileSync(join(outDir, name), text.replaceAll(root, ''));
}

/** Every file below a folder with its text. */
function textsOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return new Map(files.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

if (process.argv.includes('--check')) {
  const made = mkdtempSync(join(tmpdir(), 'keymount-types-'));
  generate(made);
  const same = JSON.stringify([...textsOf(made)]) === JSON.stringify([...textsOf(committed)]);
  rmSync(made, { recursive: true });
  if (!same) {
    console.error('provider/rpc/gen is not what proto/ gives: run `npm run generate`');
    process.exitCode = 1;
  }
} else {
  generate(committed);
}
