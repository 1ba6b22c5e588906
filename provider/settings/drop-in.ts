import { many } from './kind.ts';
import {
  addressPattern,
  duration,
  line,
  mountPath,
  path,
  pathOrPem,
  proxyUrl,
  serverAddress,
  whole,
  yesNo,
} from './kinds.ts';
import type { KnobsOf } from './knob.ts';
import type { VaultDropIn } from './settings.ts';

type Dialect = 'vault' | 'openbao';

/**
 * What holds for classes that describe their connection themselves. Flags are named as those of the Go providers
 * (`--vault-addr`), and their VAULT_* and BAO_* variables give defaults; VAULT_TOKEN and BAO_TOKEN never do.
 */
export function dropInKnobs(dialect: Dialect): KnobsOf<VaultDropIn> {
  // https://github.com/openbao/openbao: every BAO_* variable falls back to its VAULT_* twin.
  const variables = (name: string) => (dialect === 'vault' ? [`VAULT_${name}`] : [`BAO_${name}`, `VAULT_${name}`]);
  const flag = (name: string) => `${dialect}-${name}`;
  return {
    address: {
      kind: serverAddress,
      default: 'https://127.0.0.1:8200',
      flag: flag('addr'),
      variables: variables('ADDR'),
      about: 'Address of the server for classes that name none.',
    },
    namespace: {
      kind: line,
      default: undefined,
      flag: flag('namespace'),
      variables: variables('NAMESPACE'),
      about: 'Vault namespace for classes that name none.',
    },
    authMount: {
      kind: mountPath,
      default: 'kubernetes',
      flag: flag('mount'),
      about: 'Auth mount to log in at, for classes that name none.',
    },
    ...audienceKnobs(dialect, flag),
    tls: tlsKnobs(flag, variables),
    allowedAddresses: {
      kind: many(addressPattern),
      default: undefined,
      flag: 'allowed-addresses',
      about:
        'Addresses that classes may choose besides `address`; `*` stands for one DNS label. Unless set, any that is not link-local, a metadata service or a unix socket. The flag is for Vault and OpenBao alike; `[]` in the file allows none.',
    },
    timeout: {
      kind: duration(1),
      // As of the Go providers: there are engines that take half a minute to issue, and a repeat would issue once more.
      default: 60_000,
      flag: flag('timeout'),
      about: 'Time for one request.',
    },
    retries: {
      kind: whole(0, 10),
      default: 2,
      flag: flag('retries'),
      about: 'Tries after the first, where a repeat can help.',
    },
    maxConcurrent: {
      kind: whole(1, 10_000),
      default: 64,
      flag: flag('max-concurrent'),
      about: 'Requests in flight to one address.',
    },
    proxy: {
      kind: proxyUrl,
      default: undefined,
      flag: flag('proxy'),
      about: 'Proxy for these requests, instead of `proxy.https` and `proxy.http`.',
    },
  };
}

function audienceKnobs(
  dialect: Dialect,
  flag: (name: string) => string,
): KnobsOf<Pick<VaultDropIn, 'audience' | 'audiences'>> {
  return {
    audience: {
      kind: line,
      default: dialect,
      flag: flag('audience'),
      about: 'Audience of the ServiceAccount token for classes that name none.',
    },
    audiences: {
      kind: many(line),
      default: [],
      flag: flag('audiences'),
      about:
        'Audiences of AWS, Azure, Google Cloud or of the API server itself whose tokens may go to an address that a class alone chose, neither `address` nor one of `allowedAddresses`. Such a server could use them as the pod, so unless listed they are refused.',
    },
  };
}

function tlsKnobs(
  flag: (name: string) => string,
  variables: (name: string) => readonly string[],
): KnobsOf<VaultDropIn['tls']> {
  return {
    ca: {
      kind: pathOrPem,
      default: undefined,
      flag: flag('tls-ca-cert'),
      // As api.Config.ReadEnvironment of the Go client: the text goes before the file.
      variables: [...variables('CACERT_BYTES'), ...variables('CACERT')],
      about: 'PEM file of the CAs that are trusted instead of the usual ones, or the PEM text itself.',
    },
    caDir: {
      kind: path,
      default: undefined,
      flag: flag('tls-ca-directory'),
      variables: variables('CAPATH'),
      about: 'Directory of PEM files of such CAs; `tls.ca` goes before it.',
    },
    serverName: {
      kind: line,
      default: undefined,
      flag: flag('tls-server-name'),
      variables: variables('TLS_SERVER_NAME'),
      about: "Name that the server's certificate must have, instead of the host of the address.",
    },
    cert: {
      kind: path,
      default: undefined,
      flag: flag('tls-client-cert'),
      variables: variables('CLIENT_CERT'),
      about: 'PEM file of the client certificate; needs `tls.key`.',
    },
    key: {
      kind: path,
      default: undefined,
      flag: flag('tls-client-key'),
      variables: variables('CLIENT_KEY'),
      about: 'PEM file of the key of the client certificate.',
    },
    skipVerify: {
      kind: yesNo,
      default: false,
      flag: flag('tls-skip-verify'),
      variables: variables('SKIP_VERIFY'),
      about:
        "Do not verify the server's certificate. Whoever is between keymount and the server then reads everything.",
    },
  };
}
