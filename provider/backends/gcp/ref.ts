import { KeymountError } from '../../errors.ts';
import type { Source } from '../../plan/plan.ts';
import type { AskedFor } from '../backend.ts';

/** The two services, as their host names begin. */
export type Service = 'secretmanager' | 'parametermanager';

/** A version of a secret or parameter. What is undefined is the connection's. */
export interface GcpRef {
  readonly service: Service;
  readonly project: string | undefined;
  /** A region, or `global`. */
  readonly location: string | undefined;
  readonly name: string;
  /** A number, an alias or `latest` of a secret; the id of a parameter's version. */
  readonly version: string;
}

/** What a resource name is made of; an id of the services has fewer characters, a project may have a domain before it. */
const element = /^[\w.:~-]+$/;
const longestElement = 255;
/** Google's longest region has 23 characters; the Go provider refuses more than 30. It becomes a part of a host name. */
const region = /^[a-z0-9](?:[a-z0-9-]{0,28}[a-z0-9])?$/;

/**
 * `projects/P/secrets/S/versions/V`, `projects/P/locations/L/secrets/S/versions/V` and
 * `projects/P/locations/L/parameters/N/versions/V`, or the id alone, of the service of the connection. Without a version a secret
 * is read as `latest`; a parameter has no such version. Throws `class-invalid`.
 */
export function parseGcpRef(source: Source, service: Service): GcpRef {
  const { address, at, request } = source;
  const refuse = (message: string, hint?: string) => new KeymountError('class-invalid', message, { at, hint });
  if (request !== undefined) throw refuse('Google Cloud takes no request: it only reads');
  const parts = address.split('/');
  if (parts.some((part) => !element.test(part) || /^\.+$/.test(part) || part.length > longestElement)) {
    throw refuse(`${shownName(address)} is no name of a secret or parameter`, nameHint);
  }
  const found = parts.length === 1 ? { service, name: address } : parseFullName(parts);
  if (found === undefined) throw refuse(`${shownName(address)} is no name of a secret or parameter`, nameHint);
  const { location } = found;
  if (location !== undefined && !region.test(location)) throw refuse(`Invalid location: ${location.slice(0, 60)}`);
  if (found.version !== undefined && source.version !== undefined) {
    throw refuse(`${address} names its version already`, 'remove version from the object');
  }
  const version = found.version ?? source.version ?? (found.service === 'secretmanager' ? 'latest' : undefined);
  if (version === undefined) throw refuse(`${address} needs a version`, 'a parameter has no latest version');
  if (!element.test(version) || version.includes(':')) throw refuse('the version is a number, an alias or latest');
  return { project: found.project, location, service: found.service, name: found.name, version };
}

const nameHint = 'write projects/PROJECT/secrets/NAME/versions/VERSION, as Google Cloud names it';

type Found = Pick<GcpRef, 'service' | 'name'> & { project?: string; location?: string; version?: string | undefined };

function parseFullName(parts: readonly string[]): Found | undefined {
  const [projects, project, ...rest] = parts;
  const regional = rest[0] === 'locations';
  const location = regional ? rest[1] : undefined;
  const [collection, name, versions, version, ...more] = regional ? rest.slice(2) : rest;
  if (projects !== 'projects' || project === undefined || name === undefined || more.length > 0) return undefined;
  if (versions !== undefined && (versions !== 'versions' || version === undefined)) return undefined;
  const service = collection === 'secrets' ? 'secretmanager' : 'parametermanager';
  // A global parameter is written with its location, a global secret without.
  if (collection === 'parameters' ? !regional : collection !== 'secrets') return undefined;
  return { service, project, name, version, ...(location === undefined ? {} : { location }) };
}

/** The full name of a version, as messages and requests have it. */
export function resourceName(ref: GcpRef, project: string, location: string): string {
  const where = ref.service === 'secretmanager' && location === 'global' ? '' : `/locations/${location}`;
  const collection = ref.service === 'secretmanager' ? 'secrets' : 'parameters';
  return `projects/${project}${where}/${collection}/${ref.name}/versions/${ref.version}`;
}

function shownName(address: string): string {
  return JSON.stringify(address.slice(0, 120));
}

/** What `allow` rules judge: the name as the class has it, full or the id alone, without its version. */
export function askedOfGcp({ version }: GcpRef, { address }: Source): AskedFor {
  const name = address.replace(/\/versions\/[^/]*$/, '');
  return { method: 'GET', name, versionedName: `${name}/versions/${version}` };
}
