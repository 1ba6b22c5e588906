import { fileURLToPath } from 'node:url';
import { type Client, credentials, loadPackageDefinition, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** One file of a Mount reply. `mode` is a number 0..511. */
export interface MountedFile {
  path: string;
  mode: number;
  contents: Buffer;
}

/** What a provider answered, in the provider's order and with nothing removed. */
export interface MountReply {
  files: MountedFile[];
  versions: { id: string; version: string }[];
  /** `MountResponse.error.code`, `''` if the provider set none. */
  errorCode: string;
}

/** A gRPC status other than OK. `code` is its name, such as `NOT_FOUND`. */
export interface MountFailure {
  code: string;
  message: string;
}

export interface MountOptions {
  /** nodePublishSecretRef data; the driver sends the text `null` when there is none (the default here). */
  secrets?: string | Record<string, string> | undefined;
  /** The driver sends 0644 as decimal text, `420` (the default here). */
  permission?: string | undefined;
  targetPath?: string | undefined;
  /** Empty since driver 1.6.0, older drivers send the versions of the last Mount. */
  currentVersions?: { id: string; version: string }[] | undefined;
  /** Milliseconds until DEADLINE_EXCEEDED, 30,000 unless told. kubelet's is two minutes. */
  deadline?: number | undefined;
  /** Aborting cancels the call, as a driver that goes away does. */
  signal?: AbortSignal | undefined;
}

export interface VersionReply {
  version: string;
  runtimeName: string;
  runtimeVersion: string;
}

export interface ProviderClient {
  mount(attributes: string | Record<string, string>, options?: MountOptions): Promise<MountReply | MountFailure>;
  version(options?: { deadline?: number }): Promise<VersionReply | MountFailure>;
  close(): void;
}

interface RawMountResponse {
  files: MountedFile[];
  objectVersion: { id: string; version: string }[];
  error: { code: string } | null;
}

const protoFile = fileURLToPath(new URL('../../proto/provider/v1alpha1/service.proto', import.meta.url));
const loaded = loadPackageDefinition(loadSync(protoFile, { defaults: true, longs: Number }));
const { CSIDriverProvider } = loaded['v1alpha1'] as unknown as {
  CSIDriverProvider: new (
    address: string,
    creds: ReturnType<typeof credentials.createInsecure>,
    options: object,
  ) => Client;
};

/** The driver's `--max-call-recv-msg-size`, 4 MiB unless set. */
const maxReceiveBytes = 4 * 1024 * 1024;

/**
 * A client for one provider socket with the settings that the driver uses: authority `localhost`, wait for ready, 4 MiB
 * replies. It does not repeat UNAVAILABLE as the driver does, so a test sees each answer.
 */
export function openClient(socket: string): ProviderClient {
  const client = new CSIDriverProvider(`unix:${socket}`, credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
    'grpc.enable_retries': 0,
    'grpc.max_receive_message_length': maxReceiveBytes,
    // soon, where the driver begins with a second: a test waits for a provider to start
    'grpc.initial_reconnect_backoff_ms': 50,
    // a client for a restarted provider must not inherit the back-off of the one before
    'grpc.use_local_subchannel_pool': 1,
  });
  return {
    async mount(attributes, options = {}) {
      const reply = await unary<RawMountResponse>(client, 'Mount', mountRequest(attributes, options), options);
      if ('code' in reply) return reply;
      return { files: reply.files, versions: reply.objectVersion, errorCode: reply.error?.code ?? '' };
    },
    version: (options = {}) => unary<VersionReply>(client, 'Version', { version: 'v1alpha1' }, options),
    close: () => client.close(),
  };
}

/** One Mount over a connection of its own. */
export async function mount(
  socket: string,
  attributes: string | Record<string, string>,
  options: MountOptions = {},
): Promise<MountReply | MountFailure> {
  const client = openClient(socket);
  try {
    return await client.mount(attributes, options);
  } finally {
    client.close();
  }
}

/** The reply, or an Error that names the gRPC code and message. */
export function mounted(outcome: MountReply | MountFailure): MountReply {
  if ('code' in outcome) throw new Error(`the Mount failed with ${outcome.code}: ${outcome.message}`);
  return outcome;
}

/** The failure, or an Error if the Mount succeeded. Names files only: a message of a test shows no contents. */
export function refused(outcome: MountReply | MountFailure): MountFailure {
  if ('code' in outcome) return outcome;
  throw new Error(`the Mount succeeded with ${outcome.files.map((file) => file.path).join(', ') || 'no files'}`);
}

/** The files as text by path. Two files of one path are an Error: the driver would keep one of them without a word. */
export function texts(outcome: MountReply | MountFailure): Record<string, string> {
  return byKey(mounted(outcome).files.map((file) => [file.path, file.contents.toString('utf8')]));
}

/** The object versions by id. Two of one id are an Error. */
export function versions(outcome: MountReply | MountFailure): Record<string, string> {
  return byKey(mounted(outcome).versions.map(({ id, version }) => [id, version]));
}

function byKey(entries: [string, string][]): Record<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of entries) {
    if (found.has(key)) throw new Error(`the reply holds ${JSON.stringify(key)} twice`);
    found.set(key, value);
  }
  return Object.fromEntries(found);
}

function mountRequest(attributes: string | Record<string, string>, options: MountOptions): object {
  const text = (value: string | Record<string, string>) => (typeof value === 'string' ? value : JSON.stringify(value));
  return {
    attributes: text(attributes),
    secrets: text(options.secrets ?? 'null'),
    targetPath: options.targetPath ?? '/var/lib/kubelet/pods/test/volumes/kubernetes.io~csi/secrets/mount',
    permission: options.permission ?? '420',
    currentObjectVersion: options.currentVersions ?? [],
  };
}

function unary<Reply extends object>(
  client: Client,
  method: string,
  request: object,
  options: { deadline?: number | undefined; signal?: AbortSignal | undefined },
): Promise<Reply | MountFailure> {
  const { deadline = 30_000, signal } = options;
  return new Promise((resolve) => {
    const call = (client as unknown as Record<string, CallableFunction>)[method]?.(
      request,
      new Metadata({ waitForReady: true }),
      { deadline: Date.now() + deadline },
      (error: ServiceError | null, reply: Reply) => {
        signal?.removeEventListener('abort', cancel);
        resolve(error ? { code: status[error.code] ?? String(error.code), message: error.details } : reply);
      },
    ) as { cancel(): void };
    const cancel = () => call.cancel();
    if (signal?.aborted) cancel();
    else signal?.addEventListener('abort', cancel, { once: true });
  });
}
