import { readClassFreshness } from '../common-keys.ts';
import { readObjects } from '../objects.ts';
import { checkCollisions } from '../outputs.ts';
import type { Parameters } from '../parameters.ts';
import type { Output, Plan } from '../plan.ts';
import { Problems } from '../problems.ts';
import { Sources } from '../sources.ts';
import { readVaultObject, vaultFields } from './vault-object.ts';
import { readVaultAccess } from './vault-parameters.ts';

/** Classes of hashicorp/vault-csi-provider and openbao-csi-provider, as their users write them. */
export function parseVaultClass(dialect: 'vault' | 'openbao', parameters: Parameters): Plan {
  const problems = new Problems();
  const sources = new Sources();
  const outputs: Output[] = [];
  const access = readVaultAccess(dialect, parameters, problems);
  const ofClass = readClassFreshness(parameters, problems);
  checkStrayFields(parameters, problems);
  for (const fields of readObjects(parameters.get('objects'), 'objectName', vaultFields, problems)) {
    const object = readVaultObject(fields, access, ofClass, problems);
    if (object !== undefined) outputs.push({ ...object.output, source: sources.addWithArgs(object.source) });
  }
  checkCollisions(outputs, problems);
  problems.throwIfAny();
  return { dialect, sources: sources.list, outputs, warnings: problems.warnings };
}

/** Object fields written beside `objects` instead of in it: the class has no objects, and the author should see why. */
function checkStrayFields(parameters: Parameters, problems: Problems): void {
  const stray = ['objectName', 'secretPath', 'secretKey'].filter((name) => parameters.has(name));
  if (stray.length === 0 || parameters.has('objects')) return;
  const fields = stray.map((name) => `${name}: ${parameters.get(name)?.slice(0, 60)}`).join(', ');
  problems.error({ path: `parameters.${stray[0]}` }, `belongs into the list objects: objects: "- {${fields}}"`);
}
