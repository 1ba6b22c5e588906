import type { Secret } from '../../../provider/backends/backend.ts';
import type { KeymountError } from '../../../provider/errors.ts';
import { parseClass } from '../../../provider/plan/parse.ts';
import type { DialectName, Plan } from '../../../provider/plan/plan.ts';
import type { ReadOutcome } from '../../../provider/sessions/reads.ts';
import type { JsonObject } from '../../../provider/util/json.ts';

/** A plan of our own format for the connection `prod`, or of another dialect with the role `web`. */
export function planOf(objects: string, dialect: DialectName = 'keymount'): Plan {
  return parseClass(
    dialect,
    new Map([
      [dialect === 'keymount' ? 'connection' : 'roleName', 'prod'],
      ['objects', objects],
    ]),
  );
}

let lastNumber = 0;

/** What a read gave. */
export function readOf(content: Partial<Secret> | JsonObject, address = 'kv/db'): ReadOutcome {
  const isSecret = 'keys' in content || 'bytes' in content || 'reply' in content;
  const secret = { version: '1', size: 1, ...(isSecret ? content : { keys: content as JsonObject }) };
  return { secret, number: ++lastNumber, address, from: 'backend' };
}

export function failedRead(error: KeymountError, ofSession = false): ReadOutcome {
  return { error, ofSession };
}
