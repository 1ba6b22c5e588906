import type { DialectName } from '../plan/plan.ts';

/** Everything an admin can set, with every default filled in. Made once at start, deeply frozen. See docs/settings.md. */
export interface Settings {
  /** Where the sockets are made: the driver's providers directory, or our sub-directory of it. */
  readonly socketDir: string;
  /** The dialects that get a socket. */
  readonly providers: readonly DialectName[];
  /** Our own directory, 0700: version key, later sealed lease state and the admin socket. */
  readonly stateDir: string;
  /** `host:port` of /livez, /readyz and /metrics; undefined: none. */
  readonly http: string | undefined;
  readonly log: { readonly level: LogLevel; readonly format: 'json' | 'text' };
  /** TLS files named by classes must lie below it; undefined: classes may name none. */
  readonly tlsDir: string | undefined;
  readonly nodeName: string | undefined;
  /** Path of a kubeconfig; undefined: the pod's own ServiceAccount, if there is one. */
  readonly kubeconfig: string | undefined;
  /** Replace a socket on which another provider answers. */
  readonly takeover: boolean;
  /** Ask the API server for a pod's token where the driver sent none (needs RBAC `serviceaccounts/token: create`). */
  readonly tokenRequestFallback: boolean;
  /** The Secrets with the keys of object versions; see docs/versions.md. */
  readonly versionKeys: {
    readonly namespace: string | undefined;
    readonly vault: string;
    readonly openbao: string;
    readonly keymount: string;
  };
  /** Milliseconds for which a secret that was read is served from memory, where its class says nothing; 0: every Mount reads. */
  readonly refreshInterval: number;
  /** Milliseconds after which a pod logs in again, whatever its token's life: changed roles take effect then. */
  readonly sessionMaxAge: number;
  readonly limits: {
    /** Mounts in flight; one more is answered RESOURCE_EXHAUSTED. */
    readonly mounts: number;
    /**
     * Bytes of all files of one volume. The driver takes 4 MiB (4194304) for the whole reply, so the default leaves 128 KiB for
     * the paths, modes, versions and framing around the files.
     */
    readonly responseBytes: number;
    /** Bytes of one backend reply. */
    readonly replyBytes: number;
    /** Longest a Mount may take where the caller gave no deadline, milliseconds. */
    readonly mountTimeout: number;
    /** How long SIGTERM waits for Mounts in flight, milliseconds. */
    readonly drainTimeout: number;
  };
  /** Proxies for backends that have none of their own: HTTPS_PROXY, HTTP_PROXY and NO_PROXY unless set here. */
  readonly proxy: {
    readonly https: string | undefined;
    readonly http: string | undefined;
    /** Hosts, domains, addresses and ranges that are reached directly, as NO_PROXY lists them. */
    readonly no: readonly string[];
  };
  /**
   * Named connections as written in the configuration file; each checked by its backend's schema at start. Without a prototype,
   * so that a class's `connection: constructor` finds nothing. Numbers that would not print as they were written (`0400`,
   * `1.10`) are text.
   */
  readonly connections: Readonly<Record<string, ConnectionSettings>>;
  /** Defaults and limits for classes that describe their connection themselves. */
  readonly dropIn: { readonly vault: VaultDropIn; readonly openbao: VaultDropIn };
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** A named connection: `kind`, `allow`, and what the backend of that kind wants. */
export interface ConnectionSettings {
  readonly kind: string;
  readonly allow?: readonly AllowRule[];
  readonly [setting: string]: unknown;
}

/** Who may use a connection, and for which secrets. `*` stands for any run of characters within a name. */
export interface AllowRule {
  readonly namespaces?: readonly string[];
  readonly serviceAccounts?: readonly string[];
  readonly secrets?: readonly string[];
}

/**
 * The admin's defaults for a Vault or OpenBao class: flags and VAULT_* / BAO_* environment as the Go providers take them, then
 * `dropIn` of the configuration file.
 */
export interface VaultDropIn {
  /** Default `https://127.0.0.1:8200`. May be `unix:///path`. */
  readonly address: string;
  readonly namespace: string | undefined;
  /** Auth mount, default `kubernetes`. */
  readonly authMount: string;
  /** Audience of the driver's token, default `vault` or `openbao`. */
  readonly audience: string;
  readonly tls: {
    readonly ca: string | undefined;
    readonly caDir: string | undefined;
    readonly serverName: string | undefined;
    readonly cert: string | undefined;
    readonly key: string | undefined;
    readonly skipVerify: boolean;
  };
  /**
   * Addresses that classes may choose besides `address`; `*` is one DNS label. Undefined: any that is not link-local, metadata or
   * a unix socket. Empty: none.
   */
  readonly allowedAddresses: readonly string[] | undefined;
  /** Milliseconds for one request, default 10 s. */
  readonly timeout: number;
  /** Tries after the first, default 2. */
  readonly retries: number;
  /** Requests in flight to one address, default 32. */
  readonly maxConcurrent: number;
  /** URL of an HTTP proxy for these requests; undefined: `proxy` of the settings. */
  readonly proxy: string | undefined;
}
