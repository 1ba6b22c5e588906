import type { Wrong } from '../errors-lab.ts';

/** One object of the page's class. */
export const password = `- objectName: db-password
  secretPath: secret/data/database/config
  secretKey: password
`;

/** The parameters of a Vault class with these objects and role `app-role`. */
export function parameters(objects = password, more: Record<string, string> = {}): Record<string, string> {
  return { roleName: 'app-role', objects, ...more };
}

/** The same for a role that may read everything, so that the policy is not what fails. */
export function anything(objects: string, more: Record<string, string> = {}): Wrong {
  return { parameters: parameters(objects, { roleName: 'all-role', ...more }) };
}

/** One object with this path and key. */
export function object(secretPath: string, secretKey = 'password', more = ''): string {
  return `- objectName: db-password\n  secretPath: ${secretPath}\n  secretKey: ${secretKey}\n${more}`;
}
