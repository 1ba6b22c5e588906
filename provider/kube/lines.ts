import { KubeError, noAnswer } from './kube-error.ts';

const lineEnd = 0x0a;

/** The lines of a reply, without their ends and without empty ones. Throws KubeError `BadReply` for a line of more than `longest` bytes. */
export async function* splitLines(chunks: AsyncIterable<Buffer>, longest: number): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let size = 0;
  const add = (part: Buffer) => {
    size += part.length;
    if (size > longest)
      throw new KubeError(undefined, noAnswer.badReply, `a line of the reply is larger than ${longest} bytes`);
    parts.push(part);
  };
  const take = () => {
    const line = Buffer.concat(parts).toString('utf8').trim();
    parts = [];
    size = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let at = chunk.indexOf(lineEnd); at >= 0; at = chunk.indexOf(lineEnd, start)) {
      add(chunk.subarray(start, at));
      start = at + 1;
      const line = take();
      if (line !== '') yield line;
    }
    add(chunk.subarray(start));
  }
  const rest = take();
  if (rest !== '') yield rest;
}
