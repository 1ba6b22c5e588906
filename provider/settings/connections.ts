import * as z from 'zod';
import type { ConfigFile } from './config-file.ts';
import type { Problem } from './problem.ts';
import { schemaProblems } from './schema-problems.ts';
import type { ConnectionSettings } from './settings.ts';
import { plainData } from './yaml-file.ts';

const names = z.array(z.string().min(1)).min(1);
const methods = ['GET', 'LIST', 'PUT', 'POST'] as const;

/** What every connection may have; the rest belongs to its backend. */
const connection = z.looseObject({
  kind: z.string().min(1),
  allow: z
    .array(
      z
        .strictObject({
          namespaces: names.optional(),
          serviceAccounts: names.optional(),
          secrets: names.optional(),
          methods: z
            .array(z.enum(methods, { error: `must be one of ${methods.join(', ')}` }))
            .min(1)
            .optional(),
        })
        .refine((rule) => Object.keys(rule).some((key) => key !== 'methods'), {
          error: 'an allow rule needs namespaces, serviceAccounts or secrets',
          when: ({ issues }) => issues.length === 0,
        }),
    )
    .optional(),
});

/** The connections of the file with `kind` and `allow` checked and all else as it is. */
export function readConnections(file: ConfigFile): {
  readonly connections: Readonly<Record<string, ConnectionSettings>>;
  readonly problems: readonly Problem[];
} {
  const connections: Record<string, ConnectionSettings> = Object.create(null);
  const problems: Problem[] = [];
  const fail = (path: readonly string[], message: string) => {
    const { from, line } = file.placeOf(path);
    problems.push({ origin: 'file', from, order: line, message });
  };
  const node = file.connections;
  if (node === undefined || ('text' in node && node.value === null)) return { connections, problems };
  if (!('entries' in node)) {
    fail(['connections'], 'must be a map from names to connections');
    return { connections, problems };
  }

  for (const [name, entry] of node.entries) {
    const path = ['connections', name];
    if (!/^[A-Za-z0-9][\w.-]{0,62}$/.test(name)) {
      fail(path, 'a name has up to 63 letters, digits, -, _ and ., beginning with a letter or digit');
    }
    if (!('entries' in entry.node)) {
      fail(path, 'must be a map with kind and the settings of that backend');
      continue;
    }
    const raw = plainData(entry.node);
    const { error } = connection.safeParse(raw);
    if (error !== undefined) problems.push(...schemaProblems(error, connection, path, file.placeOf));
    else connections[name] = raw as ConnectionSettings;
  }
  return { connections, problems };
}
