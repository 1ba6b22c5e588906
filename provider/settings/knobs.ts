import type { DialectName } from '../plan/plan.ts';
import { dropInKnobs } from './drop-in.ts';
import { awsKnobs } from './drop-in-aws.ts';
import { azureKnobs } from './drop-in-azure.ts';
import { gcpKnobs } from './drop-in-gcp.ts';
import { many } from './kind.ts';
import {
  bytes,
  duration,
  kubernetesLabel,
  kubernetesName,
  line,
  listenAddress,
  path,
  proxyUrl,
  whole,
  word,
  yesNo,
} from './kinds.ts';
import { type Knob, type KnobsOf, listKnobs, type NamedKnob } from './knob.ts';
import type { Settings } from './settings.ts';

// plan.ts has the list, but settings may take only types from there; a dialect that is missing here does not compile.
const dialects = Object.keys({ vault: 1, openbao: 1, aws: 1, gcp: 1, gke: 1, azure: 1, keymount: 1 } satisfies Record<
  DialectName,
  1
>) as DialectName[];

/**
 * Everything an admin can set except the connections. Flags, variables, keys of the file, defaults, `--help` and
 * docs/settings.md all come from here.
 */
export const knobs: KnobsOf<Omit<Settings, 'connections'>> = {
  socketDir: {
    kind: path,
    default: '/var/run/secrets-store-csi-providers',
    about:
      "Directory of the sockets, one `<provider>.sock` each: the driver's providers directory, or our sub-directory of it.",
  },
  providers: {
    kind: many(word(...dialects), 1),
    default: dialects,
    about: 'Dialects that get a socket. A class reaches keymount under these names in `spec.provider`.',
  },
  stateDir: {
    kind: path,
    default: '/run/keymount',
    about: 'Directory of our own, mode 0700, used by one keymount at a time; best on tmpfs.',
  },
  providersDirs: {
    kind: many(path),
    default: [],
    about:
      'Directories in which `keymount prepare` made links to the sockets, as its `--providers-dir`, seen read-only under the same paths. While a link is gone or leads elsewhere, keymount is not ready and says why. Unless set, nobody looks.',
  },
  http: {
    kind: listenAddress,
    default: undefined,
    about: 'Where `/livez`, `/readyz` and `/metrics` answer over plain HTTP. Not served unless set.',
  },
  metrics: {
    kind: listenAddress,
    default: undefined,
    about: 'Where `/metrics` answers over plain HTTP, and no longer at `http`. Unless set it answers at `http`.',
  },
  log: {
    level: {
      kind: word('error', 'warn', 'info', 'debug'),
      default: 'info',
      about: 'The least severe events that are logged.',
    },
    format: { kind: word('json', 'text'), default: 'json', about: 'One JSON object or one readable line per event.' },
  },
  tlsDir: {
    kind: path,
    default: undefined,
    about: 'Directory below which classes may name CA and client certificate files. Unless set they may name none.',
  },
  nodeName: {
    kind: kubernetesName,
    default: undefined,
    variables: ['NODE_NAME'],
    about: 'Name of the Kubernetes node this runs on, from the downward API (`spec.nodeName`).',
  },
  podName: {
    kind: kubernetesName,
    default: undefined,
    variables: ['POD_NAME'],
    about:
      "Name of keymount's own pod, from the downward API (`metadata.name`). Credentials of pods that are gone are ended early only where it is set.",
  },
  kubeconfig: {
    kind: path,
    default: undefined,
    about: "A kubeconfig file to reach the API server with, instead of the pod's own ServiceAccount.",
  },
  takeover: {
    kind: yesNo,
    default: false,
    about: 'Replace a socket on which another provider answers, instead of refusing to start.',
  },
  tokenRequestFallback: {
    kind: yesNo,
    default: true,
    about:
      "Ask the API server for a pod's token where the driver sent none for the audience. Needs RBAC `create` on `serviceaccounts/token`.",
  },
  leaseTokenExpiry: {
    kind: duration(0),
    default: 86_400_000,
    about:
      "With `tokenRequestFallback`, the life of the pod's token for a login to Vault or OpenBao through which credentials may be issued: [OpenBao ends them with it](leases.md#logins-that-end). At least 10 minutes; the API server may give less. `0`: the driver's token is used.",
  },
  versionKeys: {
    namespace: {
      kind: kubernetesLabel,
      default: undefined,
      about: "Namespace of the Secrets with the keys of object versions. Unless set, keymount's own.",
    },
    vault: versionKey('vault-csi-provider-hmac-key', 'vault'),
    openbao: versionKey('openbao-csi-provider-hmac-key', 'openbao'),
    aws: versionKey('keymount-version-key', 'aws'),
    gcp: versionKey('keymount-version-key', 'gcp'),
    gke: versionKey('keymount-version-key', 'gke'),
    azure: versionKey('keymount-version-key', 'azure'),
    keymount: versionKey('keymount-version-key', 'keymount'),
  },
  refreshInterval: {
    kind: duration(0),
    default: 60_000,
    about:
      'How long a secret that was read is served from memory where its class sets no `refreshInterval`. `0`: every Mount reads.',
  },
  sessionMaxAge: {
    kind: duration(10_000),
    default: 3_600_000,
    about: 'After this time a pod logs in again even if its token lives longer, so that changed roles take effect.',
  },
  renewalPercent: {
    kind: whole(5, 90),
    default: 67,
    about: 'Percent of what is left of a lease or token after which it is renewed, and up to a tenth later.',
  },
  limits: {
    mounts: {
      kind: whole(1, 100_000),
      default: 256,
      about: 'Mounts in flight. One more is refused with `too-many-mounts`.',
    },
    responseBytes: {
      kind: bytes,
      // 4 MiB is the driver's --max-call-recv-msg-size (v1.6.0) for the whole reply. Around a file's bytes go its path twice, a
      // version of 44 characters and some 30 bytes of framing: 128 KiB are enough for 470 files with paths of 100 bytes.
      default: 2 ** 22 - 2 ** 17,
      about:
        "Size of all files of one volume. The driver takes 4 MiB for the whole reply, so the default leaves 128 KiB for what surrounds the files; raise it together with the driver's `--max-call-recv-msg-size`.",
    },
    replyBytes: { kind: bytes, default: 2 ** 23, about: 'Size of one reply of a backend.' },
    mountTimeout: {
      kind: duration(1000),
      default: 110_000,
      about: 'Longest time for a Mount whose caller set no deadline. The kubelet gives up after two minutes.',
    },
    drainTimeout: {
      kind: duration(0),
      default: 10_000,
      about: "How long a stop waits for Mounts in flight. Keep it below the pod's `terminationGracePeriodSeconds`.",
    },
  },
  proxy: {
    https: proxy('https', 'HTTPS_PROXY', 'https_proxy'),
    http: proxy('http', 'HTTP_PROXY', 'http_proxy'),
    no: {
      kind: many(line),
      default: [],
      variables: ['NO_PROXY', 'no_proxy'],
      about: 'Hosts, domains, addresses and CIDR ranges that are reached without a proxy.',
    },
  },
  systemRoots: {
    file: {
      kind: line,
      default: undefined,
      variables: ['SSL_CERT_FILE'],
      about:
        "PEM file of the CAs that are trusted where a connection names none, as Go programs read it. Unless set, the file of the system's distribution; where there is none, the CAs that Node brings along.",
    },
    dirs: {
      kind: line,
      default: undefined,
      variables: ['SSL_CERT_DIR'],
      about:
        'Directories of PEM files of such CAs, with `:` between them; they count besides the file. Unless set, `/etc/ssl/certs` and `/etc/pki/tls/certs`.',
    },
  },
  dropIn: {
    vault: dropInKnobs('vault'),
    openbao: dropInKnobs('openbao'),
    aws: awsKnobs,
    gcp: gcpKnobs,
    azure: azureKnobs,
  },
};

/** The configuration file itself; it has no key in the file. */
export const configKnob: NamedKnob = {
  knob: { kind: path, default: undefined, about: 'The configuration file, YAML. Connections can be set only there.' },
  path: '',
  flag: 'config',
  variable: 'KEYMOUNT_CONFIG',
};

export const namedKnobs: readonly NamedKnob[] = listKnobs(knobs);

function versionKey(secret: string, dialect: DialectName): Knob<string> {
  return {
    kind: kubernetesName,
    default: secret,
    about: `Name of the Secret with the key of object versions of \`${dialect}\` classes.`,
  };
}

function proxy(scheme: string, ...variables: string[]): Knob<string | undefined> {
  const about = `Proxy for requests to ${scheme} addresses: an http, https, socks5 or socks5h URL.`;
  return { kind: proxyUrl, default: undefined, variables, inherited: true, about };
}
