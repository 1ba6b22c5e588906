import { parseAwsClass } from './dialects/aws.ts';
import { parseAzureClass } from './dialects/azure.ts';
import { parseGcpClass } from './dialects/gcp.ts';
import { parseKeymountClass } from './dialects/keymount.ts';
import { parseVaultClass } from './dialects/vault.ts';
import type { Parameters } from './parameters.ts';
import type { DialectName, Plan, PlanOptions } from './plan.ts';

/** A class as a plan. Throws `class-invalid` that lists every mistake with its place. Pure: no clock, no I/O. */
export function parseClass(dialect: DialectName, parameters: Parameters, options: PlanOptions = {}): Plan {
  switch (dialect) {
    case 'vault':
    case 'openbao':
      return parseVaultClass(dialect, parameters);
    case 'aws':
      return parseAwsClass(parameters);
    case 'gcp':
    case 'gke':
      return parseGcpClass(dialect, parameters);
    case 'azure':
      return parseAzureClass(parameters, options);
    case 'keymount':
      return parseKeymountClass(parameters);
  }
}
