import type { DialectName } from '../plan/plan.ts';

/** Everything an admin can set, with every default filled in. Made once at start, deeply frozen. See docs/settings.md. */
export interface Settings {
  /** Where the sockets are made: the driver's providers directory, or our sub-directory of it. */
  readonly socketDir: string;
  /** The dialects that get a socket. */
  readonly providers: readonly DialectName[];
  /** Our own directory, 0700: version key, later sealed lease state and the admin socket. */
  readonly stateDir: string;
  readonly providersDirs: readonly string[];
  /** `host:port` of /livez, /readyz and, where `metrics` is undefined, /metrics; undefined: none. */
  readonly http: string | undefined;
  /** `host:port` of /metrics; undefined: beside the probes. */
  readonly metrics: string | undefined;
  readonly log: { readonly level: LogLevel; readonly format: 'json' | 'text' };
  /** TLS files named by classes must lie below it; undefined: classes may name none. */
  readonly tlsDir: string | undefined;
  readonly nodeName: string | undefined;
  /** Name of keymount's own pod: a list of pods without it is not of this node. */
  readonly podName: string | undefined;
  /** Path of a kubeconfig; undefined: the pod's own ServiceAccount, if there is one. */
  readonly kubeconfig: string | undefined;
  /** Replace a socket on which another provider answers. */
  readonly takeover: boolean;
  /** Ask the API server for a pod's token where the driver sent none (needs RBAC `serviceaccounts/token: create`). */
  readonly tokenRequestFallback: boolean;
  /** Milliseconds; 0: none of these is asked for. */
  readonly leaseTokenExpiry: number;
  /** The Secrets with the keys of object versions; see docs/versions.md. */
  readonly versionKeys: {
    readonly namespace: string | undefined;
    readonly vault: string;
    readonly openbao: string;
    readonly aws: string;
    readonly gcp: string;
    readonly gke: string;
    readonly azure: string;
    readonly keymount: string;
  };
  /** Milliseconds for which a secret that was read is served from memory, where its class says nothing; 0: every Mount reads. */
  readonly refreshInterval: number;
  /** Milliseconds after which a pod logs in again, whatever its token's life: changed roles take effect then. */
  readonly sessionMaxAge: number;
  /** Percent of what is left of a lease after which it is renewed. */
  readonly renewalPercent: number;
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
  /** The CAs for connections that name none: SSL_CERT_FILE and SSL_CERT_DIR unless set here, else where Go looks for them. */
  readonly systemRoots: {
    readonly file: string | undefined;
    /** `:` between them. */
    readonly dirs: string | undefined;
  };
  /**
   * Named connections as written in the configuration file; each checked by its backend's schema at start. Without a prototype,
   * so that a class's `connection: constructor` finds nothing. Numbers that would not print as they were written (`0400`,
   * `1.10`) are text.
   */
  readonly connections: Readonly<Record<string, ConnectionSettings>>;
  /** Defaults and limits for classes that describe their connection themselves. */
  readonly dropIn: {
    readonly vault: VaultDropIn;
    readonly openbao: VaultDropIn;
    readonly aws: AwsDropIn;
    readonly gcp: GcpDropIn;
    readonly azure: AzureDropIn;
  };
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** A named connection: `kind`, `allow`, and what the backend of that kind wants. */
export interface ConnectionSettings {
  readonly kind: string;
  readonly allow?: readonly AllowRule[];
  readonly [setting: string]: unknown;
}

/** Who may use a connection, and for which secrets. `*` stands for any run of characters, `/` included. */
export interface AllowRule {
  readonly namespaces?: readonly string[];
  readonly serviceAccounts?: readonly string[];
  /** Compared without version and query. */
  readonly secrets?: readonly string[];
  /** Methods of requests to Vault and OpenBao, `['GET']` when absent. PUT and POST are one. */
  readonly methods?: readonly string[];
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
  /** Audiences of other stores, or of the API server, whose tokens go to addresses that a class alone chose as well. Default none. */
  readonly audiences: readonly string[];
  readonly tls: {
    /** A path, or the PEM text itself (`isPem`). */
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
  /** Requests in flight to one address, default 64. */
  readonly maxConcurrent: number;
  /** URL of a proxy for these requests; undefined: `proxy` of the settings. */
  readonly proxy: string | undefined;
}

/** The admin's defaults for an AWS class: flags and AWS_* environment, then `dropIn.aws` of the configuration file. */
export interface AwsDropIn {
  /** Undefined: the node's label says it. */
  readonly region: string | undefined;
  readonly fips: boolean;
  readonly dualStack: boolean;
  /** Addresses in place of the public ones. */
  readonly endpoints: {
    readonly all: string | undefined;
    readonly secretsManager: string | undefined;
    readonly ssm: string | undefined;
    readonly sts: string | undefined;
    readonly podIdentity: string | undefined;
  };
  readonly ca: string | undefined;
  /** Read secrets with BatchGetSecretValue. */
  readonly batch: boolean;
  /** Ask the API server for the pod's token where the driver sent none. */
  readonly tokenRequest: boolean;
  /** Milliseconds for one answer of the Pod Identity agent, default 5 s. */
  readonly podIdentityTimeout: number;
  /** Milliseconds for one request, default 10 s. */
  readonly timeout: number;
  /** Tries after the first, default 2. */
  readonly retries: number;
  /** Requests in flight to one address, default 64. */
  readonly maxConcurrent: number;
  /** URL of a proxy for these requests; undefined: `proxy` of the settings. */
  readonly proxy: string | undefined;
}

/**
 * The admin's defaults for `gcp` and `gke` classes: flags and the environment as the Go provider and Google's libraries take it,
 * then `dropIn.gcp` of the configuration file.
 */
export interface GcpDropIn {
  /** Address of both services, with `{service}` and `{location}` in it or not; undefined: Google's. */
  readonly endpoint: string | undefined;
  /** The same for regional resources; undefined: `endpoint`. */
  readonly regionalEndpoint: string | undefined;
  readonly iamEndpoint: string | undefined;
  /** The whole URL of the token exchange. */
  readonly tokenEndpoint: string | undefined;
  /** `host:port` of the metadata server. */
  readonly metadataHost: string | undefined;
  /** Default `googleapis.com`. */
  readonly universeDomain: string;
  /** The GKE cluster; what is undefined is asked of the metadata server. */
  readonly cluster: {
    readonly project: string | undefined;
    readonly location: string | undefined;
    readonly name: string | undefined;
    readonly endpoint: string;
  };
  /** Path of a credentials file. */
  readonly credentials: string | undefined;
  /** Take `key.json` of `nodePublishSecretRef`; ignored otherwise. */
  readonly publishSecret: boolean;
  /** Who may use `auth: provider-adc`: `namespace/serviceaccount` patterns. */
  readonly providerIdentity: readonly string[];
  /** PEM file of the CAs that are trusted instead of the usual ones. */
  readonly ca: string | undefined;
  /** Milliseconds for one request, default 10 s. */
  readonly timeout: number;
  /** Tries after the first, default 2. */
  readonly retries: number;
  /** Requests in flight to one address, default 64. */
  readonly maxConcurrent: number;
  /** URL of a proxy for these requests; undefined: `proxy` of the settings. */
  readonly proxy: string | undefined;
}

/**
 * The admin's defaults for `azure` classes: flags, and the environment as far as the Go provider honours it, then `dropIn.azure`
 * of the configuration file.
 */
export interface AzureDropIn {
  /** Default `AzurePublicCloud`. */
  readonly cloudName: string;
  /** Path of the environment file for `AzureStackCloud` where the class names none. */
  readonly environmentFile: string | undefined;
  /** Environment files that classes name must lie below it; undefined: anywhere on keymount's own disk. */
  readonly environmentDir: string | undefined;
  /** For classes and ServiceAccounts that name none. */
  readonly tenant: string | undefined;
  /** Audience of the pod's token for workload identity, default `api://AzureADTokenExchange`. */
  readonly audience: string;
  /** Ask the API server for the pod's token where the driver sent none. */
  readonly tokenRequest: boolean;
  /** Whose classes may use `useVMManagedIdentity`: `namespace/serviceaccount` patterns. */
  readonly managedIdentity: readonly string[];
  /** Address of the instance metadata service. */
  readonly managedIdentityEndpoint: string;
  /** The token proxy of AKS identity binding. */
  readonly tokenProxy: {
    readonly url: string;
    /** Undefined: derived from the certificate of the API server. */
    readonly sniName: string | undefined;
    readonly ca: string | undefined;
  };
  /** Order the certificates of a PKCS#12 file as server, intermediates, root. */
  readonly constructPemChain: boolean;
  /** Write `<file>.crt` and `<file>.key` beside the file of a certificate's secret. */
  readonly separateCertAndKey: boolean;
  readonly ca: string | undefined;
  /** Milliseconds for one request, default 10 s. */
  readonly timeout: number;
  /** Tries after the first, default 3. */
  readonly retries: number;
  /** Requests in flight to one vault, default 64. */
  readonly maxConcurrent: number;
  /** URL of a proxy for these requests; undefined: `proxy` of the settings. */
  readonly proxy: string | undefined;
}
