/** Ways in which a secret gets into an output without looking like itself. Each gives the texts to search for. */
const ways: Record<string, (bytes: Buffer) => string[]> = {
  'as it is': (bytes) => [bytes.toString('utf8')],
  'in JSON': (bytes) => jsonForms(bytes.toString('utf8')),
  'in JSON in JSON': (bytes) => jsonForms(bytes.toString('utf8')).flatMap(jsonForms),
  'URL-escaped': (bytes) => [encodeURIComponent(bytes.toString('utf8')), percent(bytes), percent(bytes).toLowerCase()],
  'in base64': (bytes) => [0, 1, 2].map((offset) => base64At(bytes, offset)),
  'in base64url': (bytes) =>
    [0, 1, 2].map((offset) => base64At(bytes, offset).replaceAll('+', '-').replaceAll('/', '_')),
  'in hex': (bytes) => [bytes.toString('hex'), bytes.toString('hex').toUpperCase()],
  // what util.inspect and console.log make of a Buffer
  'as hex bytes': (bytes) => [bytes.toString('hex').replace(/(..)(?!$)/g, '$1 ')],
  // what JSON.stringify and util.inspect make of a Uint8Array
  'as byte numbers': (bytes) => [bytes.join(','), bytes.join(', ')],
};

/** `text` → the way in which a secret would be in it. */
export function disguisesOf(secret: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const piece of pieces(secret)) {
    for (const [way, write] of Object.entries(ways)) {
      for (const text of write(Buffer.from(piece))) if (!found.has(text)) found.set(text, way);
    }
  }
  return found;
}

/** Long enough to be no accident, short enough that a shortened secret holds one. */
export const pieceLength = 16;

/** Parts of a secret: whoever prints more than twice the length of a part prints one. Of long secrets only both ends. */
function pieces(secret: string): string[] {
  const characters = [...secret];
  const last = characters.length - pieceLength;
  const starts = [0, last];
  if (characters.length <= 256) for (let start = pieceLength; start < last; start += pieceLength) starts.push(start);
  return starts.map((start) => characters.slice(start, start + pieceLength).join(''));
}

function jsonForms(text: string): string[] {
  const plain = JSON.stringify(text).slice(1, -1);
  const go = plain.replace(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
  return [plain, go];
}

function percent(bytes: Buffer): string {
  return [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('');
}

/** What base64 looks like with that many bytes before: without the characters that depend on the neighbours. */
function base64At(bytes: Buffer, offset: number): string {
  const shifted = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  const first = Math.ceil((offset * 8) / 6);
  const last = Math.floor(((offset + bytes.length) * 8) / 6);
  return shifted.slice(first, last);
}
