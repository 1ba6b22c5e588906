import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Memory and CPU of a process as /proc tells them. */
export interface ProcessSample {
  rssMiB: number;
  /** User and system time since its start, in seconds, to 10 ms. */
  cpuSeconds: number;
}

export function sampleProcess(pid: number): ProcessSample {
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // the command's name may hold spaces: fields are counted after its ")"
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { rssMiB: Number(rss?.[1]) / 1024, cpuSeconds: ticks / 100 };
}

/** TCP connections that a process holds. */
export function openSockets(pid: number): number {
  const established = new Set<string>();
  for (const line of readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    // 01 is ESTABLISHED; the tenth field is the inode
    if (fields[3] === '01') established.add(`socket:[${fields[9]}]`);
  }
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => established.has(linkOf(`/proc/${pid}/fd/${fd}`))).length;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // closed since
    return '';
  }
}
