import { KeymountError } from '../../errors.ts';
import type { Clock } from '../../util/clock.ts';
import { Flights } from '../../util/flight.ts';
import type { ClusterFacts, GcpAuth } from './connection.ts';
import { readCredentials } from './credentials.ts';
import type { GcpLine } from './line.ts';

/** The workload identity pool that the cluster's tokens are exchanged at. */
export interface WorkloadPool {
  /** Audience of the exchange. */
  readonly audience: string;
  /** Audience of the pod's token. */
  readonly tokenAudience: string;
  /**
   * Google's own pool of a project or fleet, whose identities are ServiceAccounts. In others a mapping decides, which may go by
   * anything in the token.
   */
  readonly ofAccounts: boolean;
}

type WorkloadIdentity = Extract<GcpAuth, { method: 'workload-identity' }>;

/** Milliseconds for which a metadata server that does not know the cluster is not asked again. */
const retryAfter = 60_000;

/** The pool of a connection, asked for once. */
export class WorkloadPools {
  readonly #line: GcpLine;
  readonly #auth: WorkloadIdentity;
  readonly #clock: Clock;
  readonly #flights = new Flights<WorkloadPool>();
  #found: WorkloadPool | undefined;
  #cluster: Required<ClusterFacts> | undefined;
  #failure: { readonly error: KeymountError; readonly until: number } | undefined;

  constructor(line: GcpLine, auth: WorkloadIdentity, clock: Clock) {
    this.#line = line;
    this.#auth = auth;
    this.#clock = clock;
  }

  /** Throws `login-denied` where nobody knows of a pool. */
  async get(signal: AbortSignal): Promise<WorkloadPool> {
    if (this.#found !== undefined) return this.#found;
    return await this.#flights.run('', signal, (shared) => this.#find(shared));
  }

  /** GKE first, then the credentials file, as the Go provider looks for it. */
  async #find(signal: AbortSignal): Promise<WorkloadPool> {
    const { audience, credentials } = this.#auth;
    if (audience !== undefined) return this.#keep(poolOf(audience));
    try {
      const { project, location, name, endpoint } = await this.#askCluster(signal);
      const pool = `${project}.svc.id.goog`;
      const issuer = `${endpoint}/projects/${project}/locations/${location}/clusters/${name}`;
      return this.#keep({ audience: `identitynamespace:${pool}:${issuer}`, tokenAudience: pool, ofAccounts: true });
    } catch (thrown) {
      if (!(thrown instanceof KeymountError) || credentials === undefined || signal.aborted) throw thrown;
    }
    // Read anew each time: the file is small, and who corrects it waits for that.
    const file = await readCredentials(credentials);
    if (file.type === 'external_account') return poolOf(file.audience);
    throw new KeymountError('login-denied', `${credentials} names no workload identity pool`, {
      reason: `its type is ${file.type}, not external_account`,
    });
  }

  #keep(pool: WorkloadPool): WorkloadPool {
    this.#found = pool;
    return pool;
  }

  async #askCluster(signal: AbortSignal): Promise<Required<ClusterFacts>> {
    if (this.#cluster !== undefined) return this.#cluster;
    if (this.#failure !== undefined && this.#failure.until > this.#clock.now()) throw this.#failure.error;
    const { cluster } = this.#auth;
    try {
      const [project, location, name] = await Promise.all([
        cluster.project ?? this.#ask('project/project-id', signal),
        cluster.location ?? this.#ask('instance/attributes/cluster-location', signal),
        cluster.name ?? this.#ask('instance/attributes/cluster-name', signal),
      ]);
      this.#cluster = { project, location, name, endpoint: cluster.endpoint };
      return this.#cluster;
    } catch (thrown) {
      // Only where there is another way: otherwise the metadata server is all there is, and may answer the next time.
      if (thrown instanceof KeymountError && this.#auth.credentials !== undefined && !signal.aborted) {
        this.#failure = { error: thrown, until: this.#clock.now() + retryAfter };
      }
      throw thrown;
    }
  }

  async #ask(path: string, signal: AbortSignal): Promise<string> {
    const reply = await this.#line.askMetadata(path, signal);
    const text = reply.body.toString('latin1').trim();
    if (reply.status === 200 && /^[\w.:-]{1,255}$/.test(text)) return text;
    // A 5xx may be over soon, and says nothing about the pod.
    throw new KeymountError(
      reply.status < 500 ? 'login-denied' : 'login-failed',
      `the metadata server does not know ${path}`,
      {
        reason: String(reply.status),
        hint: 'this is no node of GKE: set the project, location and name of the cluster, or a credentials file of its workload identity pool',
      },
    );
  }
}

/** `identitynamespace:POOL:ISSUER` of a fleet, or `//iam.googleapis.com/…/workloadIdentityPools/P/providers/P`. */
function poolOf(audience: string): WorkloadPool {
  const pool = audience.split(':', 3).length === 3 ? audience.split(':', 2)[1] : undefined;
  if (pool === undefined) return { audience, tokenAudience: audience, ofAccounts: false };
  const issuer = audience.slice(audience.indexOf(`:${pool}:`) + pool.length + 2);
  return {
    audience: `identitynamespace:${pool}:${issuer}`,
    tokenAudience: pool,
    ofAccounts: pool.endsWith('.svc.id.goog'),
  };
}
