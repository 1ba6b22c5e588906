import assert from 'node:assert/strict';
import { type MountFailure, type MountReply, refused } from '../lab/grpc-client.ts';

/** A status text goes into a pod's event: one line of less than 1 kB, with the code to look up at its end. */
export function assertRefused(
  outcome: MountReply | MountFailure,
  status: string,
  code: string,
  ...parts: (string | RegExp)[]
): string {
  const failure = refused(outcome);
  const { message } = failure;
  assert.equal(failure.code, status, message);
  assert.ok(!/[\p{Cc}\u2028\u2029]/u.test(message), `not one line: ${JSON.stringify(message)}`);
  assert.ok(Buffer.byteLength(message) <= 1000, `${Buffer.byteLength(message)} bytes: ${message}`);
  assert.ok(message.includes(`[${code}]`), `not ${code}: ${message}`);
  for (const part of parts) {
    const there = typeof part === 'string' ? message.includes(part) : part.test(message);
    assert.ok(there, `${part} is not in: ${message}`);
  }
  return message;
}
