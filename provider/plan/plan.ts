import type { Place } from '../errors.ts';
import type { Encoding } from '../render/encoding.ts';
import type { Selection } from '../render/select.ts';
import type { JsonValue } from '../util/json.ts';

/** The ways a class is written. Each enabled dialect has a socket of its own, `<dialect>.sock`. */
export const dialectNames = ['vault', 'openbao', 'aws', 'gcp', 'gke', 'azure', 'keymount'] as const;
export type DialectName = (typeof dialectNames)[number];

/** What the admin's settings say about how classes are read. */
export interface PlanOptions {
  /** Azure: a certificate's secret also gives `<file>.crt` and `<file>.key`. */
  readonly separateCertAndKey?: boolean;
}

/** Something odd in a class that does not stop the Mount, or (as an error) does. */
export interface Problem {
  readonly at: Place;
  readonly message: string;
}

/** A class, parsed: what to read and which files to make of it. Pure data, frozen, shared by all pods of the class. */
export interface Plan {
  readonly dialect: DialectName;
  readonly sources: readonly Source[];
  readonly outputs: readonly Output[];
  readonly warnings: readonly Problem[];
}

/** One read of one backend through one connection. Objects that need the same read share one source. */
export interface Source {
  readonly access: Access;
  /** The address of the secret as text; only its backend parses it. A Vault API path starts with `/v1/`. */
  readonly address: string;
  /** A pinned version, in the backend's own spelling. */
  readonly version?: string;
  /** What its class takes it for, where the connection decides that: `secretsmanager` or `ssm`. The address does not say it. */
  readonly type?: string;
  /** A request other than a plain read: what Vault calls a write, as `pki/issue/web` needs. */
  readonly request?: { readonly method: string; readonly args?: JsonValue };
  /** Milliseconds for which it is served from memory, or `once`: as long as its session lives. Absent: the admin's default. */
  readonly refresh?: number | 'once';
  /** Another object that shares the read says nothing, so it is served no longer than the admin's default. */
  readonly atMostDefault?: boolean;
  /** Milliseconds for which an outdated value is better than none while the backend is away. Absent: none. */
  readonly staleOnError?: number;
  /** The certificate that it issues is revoked when the pod ends. Absent: it is not. */
  readonly revokeCertificate?: true;
  /** The keys that the class's objects select; absent: they want more of it than single keys. */
  readonly selectedKeys?: readonly string[];
  /** Equal for reads that are the same: what is read, through what. Freshness, keys and the end are no part of it. */
  readonly key: string;
  /** Equal for sources of one access. */
  readonly accessKey: string;
  /** The first object that needs it. */
  readonly at: Place;
}

/** Through which connection, and as what, a source is read. Equal accesses of one pod share one session. */
export interface Access {
  readonly connection: ConnectionRef;
  readonly role?: string;
  /** Audience of the ServiceAccount token; the connection's default when absent. */
  readonly audience?: string;
}

/** A connection of the admin's configuration file, or the one that a drop-in class describes itself. */
export type ConnectionRef =
  | { readonly kind: 'named'; readonly name: string }
  | {
      readonly kind: 'inline';
      readonly backend: string;
      readonly profile: DialectName;
      readonly settings: InlineSettings;
    };

/** What a drop-in class says about its connection, in the words of its backend's connection settings. */
export type InlineSettings = Readonly<Record<string, string | boolean>>;

/** One file of the volume. */
export interface Output {
  readonly path: string;
  /** Index into `Plan.sources`. */
  readonly source: number;
  readonly select: Selection;
  readonly decode: Encoding;
  /** 0 to 0o777; the permission of the Mount request (0644 from the driver) when absent. */
  readonly mode?: number;
  /** A secret or key that does not exist leaves the file out instead of failing the Mount. */
  readonly optional: boolean;
  /**
   * What the version is computed over besides the bytes: the Go Vault provider mixes the object's own settings into its HMAC.
   * Absent: the bytes alone.
   */
  readonly versionPrefix?: string;
  /** The id of its version where the dialect's own provider gives another than the path. */
  readonly versionId?: string;
  /** The version is the backend's own, as the dialect's own provider reports it. */
  readonly backendVersion?: boolean;
  readonly at: Place;
}
