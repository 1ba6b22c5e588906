import fc from 'fast-check';
import { type DialectName, dialectNames } from '../../provider/plan/plan.ts';
import { oddRequests } from '../e2e/odd-requests.ts';
import { driverRequest } from '../lab/driver-attributes.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { clusterIssuer } from '../lab/pod-token.ts';
import { brokenNames, type OddVault, oddAnswers } from './odd-vault.ts';

/** One Mount of the fuzz: mostly refused. */
export interface FuzzMount {
  readonly dialect: DialectName;
  readonly attributes: string;
  readonly secrets: string;
  readonly permission: string;
}

// mostly smaller than in a test: it is the number of Mounts that counts here
const small = oddRequests({ text: 2_000, depth: 500 });
const large = oddRequests({ text: 300_000, depth: 50_000 });
const { names } = small;
const mostly = (usual: fc.Arbitrary<string>, rare: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 200, arbitrary: usual }, { weight: 1, arbitrary: rare });
const junk = mostly(small.junk, large.junk);
const objects = mostly(small.objects, large.objects);
const batchSize = 500;

/** Mounts without end, the same for the same seed. */
export function* fuzzMounts(seed: number, vault: OddVault): Generator<FuzzMount> {
  const mounts = anyMount(vault);
  for (let batch = 0; ; batch++) yield* fc.sample(mounts, { seed: (seed + batch) | 0, numRuns: batchSize });
}

function anyMount(vault: OddVault): fc.Arbitrary<FuzzMount> {
  const dialect = fc.constantFrom(...dialectNames);
  const usual = { secrets: fc.constant('null'), permission: fc.constant('420') };
  return fc.oneof(
    { weight: 1, arbitrary: fc.record({ dialect, attributes: junk, secrets: junk, permission: junk }) },
    {
      weight: 1,
      arbitrary: fc.record({
        ...usual,
        dialect,
        attributes: attributesOf(fc.dictionary(names, fc.oneof(objects, fc.jsonValue()))),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(dialect, objects, fc.uuid()).map(([name, text, uid]) => oddClass(name, text, uid)),
    },
    { weight: 4, arbitrary: askingMount(vault) },
  );
}

const attributesOf = (values: fc.Arbitrary<object>) => values.map((value) => JSON.stringify(value));

/** A class of the right form whose objects are anything. */
function oddClass(dialect: DialectName, text: string, uid: string): FuzzMount {
  const parameters = { roleName: 'good', connection: 'odd', objects: text, secrets: text };
  return mountOf(dialect, aPod({ uid }), parameters);
}

/** A good class of a new pod; Vault answers its login or its reads oddly, or as it should. */
function askingMount(vault: OddVault): fc.Arbitrary<FuzzMount> {
  const role = fc.oneof(
    { weight: 4, arbitrary: fc.constant('good') },
    { weight: 1, arbitrary: fc.constantFrom(...Object.keys(oddAnswers)) },
  );
  const read = fc.oneof(fc.constant('good'), fc.constantFrom(...Object.keys(oddAnswers)));
  const broken = fc.oneof(
    { weight: 60, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...brokenNames) },
  );
  const dialect = fc.constantFrom<DialectName[]>('vault', 'openbao', 'keymount');
  const name = fc.nat({ max: 100_000 });
  const key = fc.constantFrom('key', 'key', 'key', undefined, 'missing', '__proto__');
  return fc
    .record({
      uid: fc.uuid(),
      dialect,
      role,
      broken,
      key,
      reads: fc.array(fc.tuple(read, name), { minLength: 1, maxLength: 3 }),
    })
    .map(({ uid, dialect, role, broken, key, reads }) => {
      const paths = reads.map(([answer, number]) => `${broken ?? answer}/${number}`);
      if (dialect === 'keymount') return mountOf(dialect, aPod({ uid }), nativeClass(role, paths, key));
      const address = broken === undefined ? {} : { vaultAddress: vault.brokenAddress };
      return mountOf(dialect, aPod({ uid }), { ...address, ...vaultClass(role, paths, key) });
    });
}

function vaultClass(roleName: string, paths: readonly string[], secretKey: string | undefined) {
  const objects = paths.map((path, index) => ({
    objectName: `f${index}`,
    secretPath: `secret/data/${path}`,
    secretKey,
  }));
  return { roleName, objects: JSON.stringify(objects) };
}

function nativeClass(role: string, paths: readonly string[], key: string | undefined) {
  const objects = paths.map((path, index) => ({ file: `f${index}`, secret: `secret/data/${path}`, key }));
  return { connection: 'odd', role, objects: JSON.stringify(objects) };
}

function mountOf(dialect: DialectName, pod: Pod, parameters: Record<string, string>): FuzzMount {
  const tokens = Object.fromEntries(['vault', 'openbao'].map((audience) => [audience, unsignedToken(pod, audience)]));
  return { dialect, ...driverRequest({ pod, parameters, tokens }), permission: '420' };
}

/** Nobody looks at the signature here: there is no cluster, and the server takes any token. */
function unsignedToken({ namespace, name, uid, serviceAccount, serviceAccountUid }: Pod, audience: string) {
  const bound = { namespace, pod: { name, uid }, serviceaccount: { name: serviceAccount, uid: serviceAccountUid } };
  const sub = `system:serviceaccount:${namespace}:${serviceAccount}`;
  const claims = { iss: clusterIssuer, aud: [audience], sub, exp: 4_000_000_000, 'kubernetes.io': bound };
  const [head, body] = [{ alg: 'RS256', kid: 'k' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  return { token: `${head}.${body}.${uid.padEnd(340, 'A')}`, expirationTimestamp: '2096-10-02T07:06:40Z' };
}
