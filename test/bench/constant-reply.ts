import { writeFileSync } from 'node:fs';
import { driverRequest } from '../lab/driver-attributes.ts';
import { mount, mounted } from '../lab/grpc-client.ts';
import { aPod } from '../lab/pod.ts';
import { podTokens } from '../lab/pod-token.ts';
import { scratchFolder } from '../lab/scratch.ts';
import type { BenchLab } from './bench-lab.ts';
import type { StartContestant } from './contestant.ts';
import { vaultAudiences } from './mount-load.ts';
import type { Workload } from './scenario.ts';

/** What the constant handler answers, as its file holds it. */
export interface ConstantReply {
  files: { path: string; mode: number; contents: string /* base64 */ }[];
  versions: { id: string; version: string }[];
}

/** Mounts the workload's first pod once, and returns a file with the answer. */
export async function recordedReply(start: StartContestant, lab: BenchLab, workload: Workload): Promise<string> {
  const running = await start();
  try {
    const pod = aPod({ namespace: 'bench', serviceAccount: firstAccount(workload) });
    const tokens = podTokens(lab.issuer, pod, [...(workload.audiences ?? vaultAudiences)]);
    const request = driverRequest({ parameters: firstClass(workload), pod, tokens });
    const reply = mounted(await mount(running.socket(workload.dialect ?? 'vault'), request.attributes));
    return written({
      files: reply.files.map(({ path, mode, contents }) => ({ path, mode, contents: contents.toString('base64') })),
      versions: reply.versions,
    });
  } finally {
    await running.stop();
  }
}

/** A file with an answer of the usual sizes, for runs without keymount: 40 bytes a file, 44 characters a version. */
export function inventedReply({ objects }: Workload): string {
  const paths = Array.from({ length: objects }, (_, index) => `o${index}`);
  return written({
    files: paths.map((path) => ({ path, mode: 0o644, contents: Buffer.alloc(40, 'x').toString('base64') })),
    versions: paths.map((id) => ({ id, version: 'v'.repeat(44) })),
  });
}

/** The class parameters of pod 0. */
export function firstClass(workload: Workload): Record<string, string> {
  const { parameters, objects, object } = workload;
  const account = firstAccount(workload);
  const ofPod = (text: string) => text.replaceAll('{{.Index}}', '0').replaceAll('{{.ServiceAccount}}', account);
  const rendered = Object.entries(parameters).map(([name, text]) => [name, ofPod(text)]);
  if (object === undefined) return Object.fromEntries(rendered);
  const list = Array.from({ length: objects }, (_, index) => ofPod(object).replaceAll('{{.Object}}', `${index}`));
  return { ...Object.fromEntries(rendered), objects: list.map((item) => `${item.trimEnd()}\n`).join('') };
}

function firstAccount({ serviceAccount = 'app-{{.Index}}' }: Workload): string {
  return serviceAccount.replaceAll('{{.Index}}', '0');
}

function written(reply: ConstantReply): string {
  const file = `${scratchFolder('reply')}/reply.json`;
  writeFileSync(file, JSON.stringify(reply));
  return file;
}
