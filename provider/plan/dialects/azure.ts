import { readClassFreshness } from '../common-keys.ts';
import { checkCollisions } from '../outputs.ts';
import type { Parameters } from '../parameters.ts';
import type { Output, Plan, PlanOptions } from '../plan.ts';
import { Problems } from '../problems.ts';
import { Sources } from '../sources.ts';
import { readAzureObject } from './azure-object.ts';
import { readAzureObjects } from './azure-objects.ts';
import { readAzureAccess } from './azure-parameters.ts';

/** A history makes many of one object; no volume has so many. */
const mostFiles = 5_000;

/** Classes of the Azure Key Vault provider, as their users write them. */
export function parseAzureClass(parameters: Parameters, { separateCertAndKey = false }: PlanOptions): Plan {
  const problems = new Problems();
  const sources = new Sources();
  const outputs: Output[] = [];
  const access = readAzureAccess(parameters, problems);
  const ofClass = readClassFreshness(parameters, problems);
  for (const fields of readAzureObjects(parameters.get('objects') ?? '', problems)) {
    for (const { source, outputs: files } of readAzureObject(fields, access, ofClass, separateCertAndKey, problems)) {
      if (outputs.length >= mostFiles) continue;
      const index = sources.add(source);
      outputs.push(...files.map((output) => ({ ...output, source: index })));
    }
  }
  if (outputs.length >= mostFiles) problems.error({ path: 'objects' }, `makes ${mostFiles} files or more`);
  checkCollisions(outputs, problems);
  problems.throwIfAny();
  return { dialect: 'azure', sources: sources.list, outputs, warnings: problems.warnings };
}
