/** The resource names of Secret Manager and Parameter Manager that the Go provider knows. */
const patterns = [
  /^projects\/[^/]+\/secrets\/[^/]+(?:\/versions\/([^/]+))?$/,
  /^projects\/[^/]+\/locations\/([^/]+)\/(?:secrets|parameters)\/[^/]+(?:\/versions\/([^/]+))?$/,
];

const longestLocation = 30;

/**
 * `resourceName` of a GCP class as the address of a version, or what is wrong with it. Unlike the Go provider's, the patterns hold
 * from the first character on. `version` stands for the one that the name leaves out.
 */
export function readResourceName(
  name: string,
  version: string | undefined,
): { readonly address: string } | { readonly problem: string; readonly field?: 'version' } {
  const [secret, regional] = patterns.map((pattern) => pattern.exec(name));
  if (secret === null && regional === null) return { problem: problemOf(name) };
  const location = regional?.[1];
  if (location !== undefined && location.length > longestLocation) {
    return { problem: `Invalid location: ${location}, location length exceeds limit` };
  }
  if (location !== undefined && !/^[a-z0-9-]+$/.test(location)) return { problem: `Invalid location: ${location}` };
  const own = secret?.[1] ?? regional?.[2];
  if (own !== undefined && version !== undefined) {
    return { problem: 'cannot be combined with a version in resourceName: keep one', field: 'version' };
  }
  const wanted = own ?? version;
  if (wanted === undefined) return { problem: `${shownName(name)} lacks its version: write ${name}/versions/latest` };
  if (!/^[\w.~-]+$/.test(wanted)) return { problem: `${shownName(name)} has no version that could exist` };
  return { address: own === undefined ? `${name}/versions/${wanted}` : name };
}

function problemOf(name: string): string {
  const within = name.indexOf('projects/');
  const hint =
    within > 0
      ? `; it must begin with ${name.slice(within, within + 80)}`
      : '; write projects/PROJECT/secrets/NAME/versions/VERSION';
  const unlocated = /^projects\/[^/]+\/parameters\//.test(name)
    ? '; a parameter is written with /locations/global/'
    : hint;
  return `${shownName(name)} is an unknown resource type${unlocated}`;
}

function shownName(name: string): string {
  return JSON.stringify(name.slice(0, 120));
}
