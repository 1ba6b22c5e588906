import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { formatPlace, KeymountError } from '../../../provider/errors.ts';
import { parseClass } from '../../../provider/plan/parse.ts';
import type { DialectName, Output, Plan, Source } from '../../../provider/plan/plan.ts';

/** `spec.parameters` of a class. */
export type Parameters = Readonly<Record<string, string>>;

export function planOf(dialect: DialectName, parameters: Parameters): Plan {
  return parseClass(dialect, new Map(Object.entries(parameters)));
}

/** Everything that is wrong with a class, in the order in which its author is told; empty for a good one. */
export function mistakesOf(dialect: DialectName, parameters: Parameters): string[] {
  try {
    planOf(dialect, parameters);
    return [];
  } catch (error) {
    assert.ok(error instanceof KeymountError, `${error} was thrown`);
    assert.equal(error.code, 'class-invalid');
    return error.message.split(' | ');
  }
}

export function warningsOf(dialect: DialectName, parameters: Parameters): string[] {
  return planOf(dialect, parameters).warnings.map(({ at, message }) => `${formatPlace(at)}: ${message}`);
}

/** A Vault class with a role and these objects. */
export function vaultClass(objects: string, more: Parameters = {}): Parameters {
  return { roleName: 'web', objects, ...more };
}

/** The single output of a class and the source that it is made of. */
export function onlyFile(dialect: DialectName, parameters: Parameters): { output: Output; source: Source } {
  const { outputs, sources } = planOf(dialect, parameters);
  assert.equal(outputs.length, 1);
  const [output] = outputs as [Output];
  return { output, source: sources[output.source] as Source };
}

/** What Go makes of a text; null where it refuses. See golden/main.go. */
export interface GoldenPair {
  readonly in: string;
  readonly out: string | null;
}

export const golden = JSON.parse(readFileSync(new URL('golden/golden.json', import.meta.url), 'utf8')) as Readonly<
  Record<'scalars' | 'permissions' | 'objects' | 'paths' | 'queries', readonly GoldenPair[]>
>;
