import { LineCounter, parseAllDocuments } from 'yaml';
import * as z from 'zod';
import { KeymountError } from '../errors.ts';
import { type DialectName, dialectNames } from '../plan/plan.ts';
import { nearest } from '../util/nearest.ts';

/** A SecretProviderClass manifest, as far as a provider gets to see it. */
export interface ClassFile {
  readonly name: string;
  /** `metadata.namespace`; undefined: kubectl's current one. */
  readonly namespace: string | undefined;
  readonly dialect: DialectName;
  readonly parameters: Readonly<Record<string, string>>;
}

const manifest = z.object({
  kind: z.literal('SecretProviderClass'),
  metadata: z.object({ name: z.string(), namespace: z.string().optional() }),
  spec: z.object({
    provider: z.string(),
    // The API server refuses anything else in a map of texts, so `vaultSkipTLSVerify: false` without quotes is a mistake.
    parameters: z.record(z.string(), z.string('must be text; put it in quotes')).default({}),
  }),
});

/**
 * The one SecretProviderClass among the YAML documents of a file; others may stand beside it. `name` chooses among several.
 * Throws `class-invalid`.
 */
export function parseClassFile(text: string, name: string | undefined): ClassFile {
  const classes = readDocuments(text)
    .filter((document) => z.object({ kind: z.literal('SecretProviderClass') }).safeParse(document).success)
    .map(readClass)
    .filter((each) => name === undefined || each.metadata.name === name);
  const [first, second] = classes;
  if (first === undefined) {
    throw invalid(`the file has no SecretProviderClass${name === undefined ? '' : ` named ${JSON.stringify(name)}`}`);
  }
  if (second !== undefined) {
    const names = classes.map(({ metadata }) => metadata.name).join(', ');
    throw invalid(`the file has several SecretProviderClasses: ${names}`, 'choose one with --class NAME');
  }
  const { metadata, spec } = first;
  const dialect = dialectNames.find((each) => each === spec.provider);
  if (dialect === undefined) {
    const guess = nearest(spec.provider, dialectNames);
    const hint = guess === undefined ? `keymount answers as ${dialectNames.join(', ')}` : `did you mean ${guess}?`;
    throw invalid(`spec.provider: there is no provider ${JSON.stringify(spec.provider)}`, hint);
  }
  return { name: metadata.name, namespace: metadata.namespace, dialect, parameters: spec.parameters };
}

function readDocuments(text: string): unknown[] {
  const lines = new LineCounter();
  return parseAllDocuments(text, { prettyErrors: false, logLevel: 'error', lineCounter: lines }).map((document) => {
    const [problem] = document.errors;
    if (problem === undefined) return document.toJS();
    const what = problem.code.toLowerCase().replaceAll('_', ' ');
    throw invalid(`the file is not YAML: ${what}, line ${lines.linePos(problem.pos[0]).line}`);
  });
}

function readClass(document: unknown): z.infer<typeof manifest> {
  const checked = manifest.safeParse(document);
  if (checked.success) return checked.data;
  throw invalid(checked.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join(' | '));
}

function invalid(message: string, hint?: string): KeymountError {
  return new KeymountError('class-invalid', message, { hint });
}
