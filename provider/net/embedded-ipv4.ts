/**
 * The IPv4 addresses to which a translator or tunnel may take an IPv6 address, if there are any: `::ffff:0:0/96` (IPv4-mapped), `::/96`
 * (IPv4-compatible), `::ffff:0:0:0/96` (IPv4-translated, RFC 2765), `64:ff9b::/96` (NAT64, RFC 6052), `64:ff9b:1::/48` (NAT64 with
 * prefixes of one's own, RFC 8215), `2002::/16` (6to4, RFC 3056), `2001::/32` (Teredo, RFC 4380: server and client) and the interface
 * identifiers of ISATAP (RFC 5214) behind any prefix. The text must be a valid address without a zone.
 */
export function embeddedIpv4(ip: string): string[] {
  const bytes = bytesOf(ip);
  const starts = (...prefix: number[]) => prefix.every((byte, index) => bytes[index] === byte);
  const at = (...places: number[]) => places.map((place) => bytes[place] ?? 0).join('.');
  const last = at(12, 13, 14, 15);
  const found: string[] = [];
  // `::` and `::1` are themselves.
  if (starts(...zeros(12)) && (bytes[12] !== 0 || bytes[13] !== 0)) found.push(last);
  if (starts(...zeros(10), 0xff, 0xff) || starts(...zeros(8), 0xff, 0xff, 0, 0)) found.push(last);
  if (starts(0x00, 0x64, 0xff, 0x9b, ...zeros(8))) found.push(last);
  if (starts(0x00, 0x64, 0xff, 0x9b, 0x00, 0x01)) found.push(...ofOwnNat64(at));
  if (starts(0x20, 0x02)) found.push(at(2, 3, 4, 5));
  if (starts(0x20, 0x01, 0x00, 0x00)) found.push(at(4, 5, 6, 7), inverted(bytes.slice(12)));
  const isIsatap =
    (bytes[8] === 0x00 || bytes[8] === 0x02) && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;
  if (isIsatap) found.push(last);
  return found;
}

/**
 * One's own prefix has 48, 56, 64 or 96 bits; which, the address does not say. RFC 6052, section 2.2: the ninth byte is none of the
 * IPv4 address. In an address made with the longer prefix the shorter ones read 0.x.x.x, to which no translator leads.
 */
function ofOwnNat64(at: (...places: number[]) => string): string[] {
  const read = [at(6, 7, 9, 10), at(7, 9, 10, 11), at(9, 10, 11, 12), at(12, 13, 14, 15)];
  return read.filter((ip) => !ip.startsWith('0.'));
}

/** Teredo has the client's address with all its bits turned, against NATs that would rewrite it. */
function inverted(bytes: readonly number[]): string {
  return bytes.map((byte) => byte ^ 0xff).join('.');
}

function zeros(count: number): number[] {
  return new Array<number>(count).fill(0);
}

/** The sixteen bytes of a valid IPv6 address. The URL parser writes a dotted tail as words. */
function bytesOf(ip: string): number[] {
  const [head = '', tail] = new URL(`http://[${ip}]`).hostname.slice(1, -1).split('::');
  const words = (text: string) => (text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16)));
  const [before, after] = [words(head), words(tail ?? '')];
  const all = [...before, ...zeros(tail === undefined ? 0 : 8 - before.length - after.length), ...after];
  return all.flatMap((word) => [word >> 8, word & 0xff]);
}
