import * as z from 'zod';
import { didYouMean } from '../util/nearest.ts';
import type { ConfigFile } from './config-file.ts';
import type { Problem } from './problem.ts';

/**
 * What a zod schema says about a part of the configuration file, with the line of each mistake and the nearest name for unknown
 * keys. For connections: `schemaProblems(error, schema, ['connections', name], placeOf)`. zod's own messages do not hold values,
 * except those of literals and enums that the schema itself has.
 */
export function schemaProblems(
  error: z.ZodError,
  schema: z.ZodType,
  base: readonly PropertyKey[],
  placeOf: ConfigFile['placeOf'],
): Problem[] {
  const at = (path: readonly PropertyKey[], message: string): Problem => {
    const { from, line } = placeOf([...base, ...path]);
    return { origin: 'file', from, order: line, message };
  };
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [at(issue.path, messageOf(issue))];
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => at([...issue.path, key], `is not a known setting${didYouMean(key, known)}`));
  });
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type')
    return `must be ${issue.expected === 'record' ? 'a map' : `of type ${issue.expected}`}`;
  return issue.message.replace(/^Invalid input: /, '');
}

/** The keys that an object schema has at a path; none where the schema does not tell. */
function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  let here: z.core.$ZodType | undefined = unwrap(schema);
  for (const part of path) {
    if (here instanceof z.ZodObject) here = here.shape[String(part)];
    else if (here instanceof z.ZodArray) here = here.element;
    else if (here instanceof z.ZodRecord) here = here.valueType;
    else here = undefined;
    if (here === undefined) return [];
    here = unwrap(here);
  }
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let here = schema;
  for (;;) {
    if (here instanceof z.ZodOptional || here instanceof z.ZodNullable || here instanceof z.ZodDefault) {
      here = here.unwrap();
    } else if (here instanceof z.ZodPrefault || here instanceof z.ZodReadonly) here = here.unwrap();
    else if (here instanceof z.ZodPipe) here = here.in;
    else return here;
  }
}
