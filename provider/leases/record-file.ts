import { KeymountError } from '../errors.ts';
import { isJsonObject, type JsonObject, ownKey, parseJson } from '../util/json.ts';
import { sealSize } from './seal.ts';

/** Bytes of one file. Far above what a pod's credentials take; larger ones are not read, so that a start is bounded. */
export const largestFile = 4 * 1024 * 1024;

/** What stands in a file, opened. */
export interface RecordFile {
  readonly key: string;
  readonly record: JsonObject;
}

/** Throws `internal` for what could not be read again: more than 4 MiB, or 250 levels. */
export function toBytes(key: string, record: JsonObject): Buffer {
  const bytes = Buffer.from(JSON.stringify({ key, record }), 'utf8');
  if (bytes.length + sealSize > largestFile)
    throw new KeymountError('internal', `a record is larger than ${largestFile} bytes`);
  // It must fail now, while the credentials in it are still in use.
  if (fromBytes(bytes) === undefined)
    throw new KeymountError('internal', 'a record is no JSON that could be read again');
  return bytes;
}

/** Undefined for anything else. */
export function fromBytes(bytes: Buffer): RecordFile | undefined {
  try {
    const value = parseJson(bytes.toString('utf8'));
    if (!isJsonObject(value)) return undefined;
    const key = ownKey(value, 'key');
    const record = ownKey(value, 'record');
    return typeof key === 'string' && isJsonObject(record) ? { key, record } : undefined;
  } catch {
    return undefined;
  }
}
