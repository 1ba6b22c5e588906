/**
 * Work that nobody waits for. A rejection that nobody catches ends the process, so each such call says what becomes of one.
 * What `onFailed` throws itself is dropped.
 */
export function inBackground(work: Promise<unknown>, onFailed: (thrown: unknown) => void): void {
  work.catch(onFailed).catch(() => {});
}
