import { freshnessParameters, readClassFreshness, shown } from '../common-keys.ts';
import { readObjects } from '../objects.ts';
import { checkCollisions } from '../outputs.ts';
import { checkParameterNames, type Parameters } from '../parameters.ts';
import type { Access, DialectName, InlineSettings, Output, Plan } from '../plan.ts';
import { Problems } from '../problems.ts';
import { Sources } from '../sources.ts';
import { gcpFields, readGcpObject } from './gcp-object.ts';

const known = ['secrets', 'auth', 'connection', ...freshnessParameters];
const mistakes = { objects: 'secrets', secret: 'secrets', authentication: 'auth' };
const auths = ['pod-adc', 'provider-adc'];

/** Classes of secrets-store-csi-driver-provider-gcp, and of GKE's managed add-on, which has the same format. */
export function parseGcpClass(dialect: 'gcp' | 'gke', parameters: Parameters): Plan {
  const problems = new Problems();
  const sources = new Sources();
  const outputs: Output[] = [];
  checkParameterNames(parameters, known, mistakes, problems);
  const access = readAccess(dialect, parameters, problems);
  const ofClass = readClassFreshness(parameters, problems);
  checkStrayFields(parameters, problems);
  for (const fields of readObjects(parameters.get('secrets'), 'path', gcpFields, problems, undefined, 'secrets')) {
    const object = readGcpObject(fields, access, ofClass, problems);
    if (object !== undefined) outputs.push({ ...object.output, source: sources.add(object.source) });
  }
  checkCollisions(outputs, problems);
  problems.throwIfAny();
  return { dialect, sources: sources.list, outputs: withUniqueIds(outputs), warnings: problems.warnings };
}

function readAccess(profile: DialectName, parameters: Parameters, problems: Problems): Access {
  const auth = parameters.get('auth') ?? '';
  if (auth !== '' && !auths.includes(auth)) {
    problems.error({ path: 'parameters.auth' }, `must be pod-adc or provider-adc, not ${shown(auth)}`);
  }
  const connection = parameters.get('connection') ?? '';
  if (connection !== '' && auth !== '') {
    problems.error({ path: 'parameters.connection' }, 'a named connection brings its own auth: keep one of them');
  }
  if (connection !== '') return { connection: { kind: 'named', name: connection } };
  const settings: InlineSettings = auth === '' ? {} : { auth };
  return { connection: { kind: 'inline', backend: 'gcp-secretmanager', profile, settings } };
}

/** Fields of an entry written beside `secrets` instead of in it. */
function checkStrayFields(parameters: Parameters, problems: Problems): void {
  if (parameters.has('secrets') || !parameters.has('resourceName')) return;
  problems.error(
    { path: 'parameters.resourceName' },
    'belongs into the list secrets: secrets: "- {resourceName: projects/P/secrets/NAME/versions/latest, path: name}"',
  );
}

/** The driver keeps versions in a map: of two files of one resource, the Go provider reports the same id twice, and one is lost. */
function withUniqueIds(outputs: readonly Output[]): Output[] {
  const seen = new Set<string>();
  return outputs.map((output) => {
    const { versionId = output.path, path } = output;
    if (!seen.has(versionId)) {
      seen.add(versionId);
      return output;
    }
    return { ...output, versionId: `${versionId}#${path}` };
  });
}
