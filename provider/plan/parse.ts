import { parseKeymountClass } from './dialects/keymount.ts';
import { parseVaultClass } from './dialects/vault.ts';
import type { Parameters } from './parameters.ts';
import type { DialectName, Plan } from './plan.ts';

/** A class as a plan. Throws `class-invalid` that lists every mistake with its place. Pure: no clock, no I/O. */
export function parseClass(dialect: DialectName, parameters: Parameters): Plan {
  switch (dialect) {
    case 'vault':
    case 'openbao':
      return parseVaultClass(dialect, parameters);
    case 'keymount':
      return parseKeymountClass(parameters);
  }
}
