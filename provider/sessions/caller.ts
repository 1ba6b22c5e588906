import type { Identity } from '../backends/backend.ts';
import type { SecretString } from '../util/secret-string.ts';

/** Who asks in one Mount, and what the driver sent for them. */
export interface Caller {
  readonly identity: Identity;
  /** ServiceAccount tokens by audience. */
  readonly tokens: ReadonlyMap<string, SecretString>;
  /** The pod's volume: what the driver asks for again and again. */
  readonly volume: string;
  readonly publishSecrets: ReadonlyMap<string, SecretString>;
}
