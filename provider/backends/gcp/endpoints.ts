import { type Address, parseAddress } from '../../net/address.ts';
import type { Service } from './ref.ts';

/** Where the APIs are. */
export interface Endpoints {
  /** Address of both services for global resources; `{service}` and `{location}` stand for what is asked for. */
  readonly global: string;
  /** The same for regional resources. */
  readonly regional: string;
  /** IAM Service Account Credentials API. */
  readonly iam: Address;
  /** Where a token of the cluster is exchanged for one of Google's; the whole URL. */
  readonly token: Address;
  /** The metadata server of the node. */
  readonly metadata: Address;
}

export interface EndpointOptions {
  readonly endpoint?: string | undefined;
  readonly regionalEndpoint?: string | undefined;
  readonly iamEndpoint?: string | undefined;
  readonly tokenEndpoint?: string | undefined;
  readonly metadataHost?: string | undefined;
  readonly universeDomain: string;
}

const defaultUniverse = 'googleapis.com';

/** Throws Error where an option is no address: whoever gives them has checked them. */
export function endpointsOf(options: EndpointOptions): Endpoints {
  const { universeDomain: universe, endpoint, metadataHost } = options;
  return {
    global: endpoint ?? `https://{service}.${universe}`,
    regional: options.regionalEndpoint ?? endpoint ?? `https://{service}.{location}.rep.${universe}`,
    iam: addressOf(options.iamEndpoint ?? `https://iamcredentials.${universe}`),
    token: addressOf(options.tokenEndpoint ?? defaultTokenEndpoint(universe)),
    // https://cloud.google.com/compute/docs/metadata/querying-metadata; by address, as Google's own libraries ask it.
    metadata: addressOf(`http://${metadataHost ?? '169.254.169.254'}`),
  };
}

/** The Go provider exchanges tokens there; other universes have the public Security Token Service alone. */
function defaultTokenEndpoint(universe: string): string {
  return universe === defaultUniverse
    ? 'https://securetoken.googleapis.com/v1/identitybindingtoken'
    : `https://sts.${universe}/v1/token`;
}

export function serviceAddress({ global, regional }: Endpoints, service: Service, location: string): Address {
  return addressOf(fill(location === 'global' ? global : regional, service, location));
}

/** What is wrong with an address that may hold `{service}` and `{location}`. */
export function templateProblem(template: string): string | undefined {
  const result = parseAddress(fill(template, 'secretmanager', 'global'));
  return 'problem' in result ? result.problem : undefined;
}

function fill(template: string, service: string, location: string): string {
  return template.replaceAll('{service}', service).replaceAll('{location}', location);
}

function addressOf(text: string): Address {
  const result = parseAddress(text);
  if ('address' in result) return result.address;
  throw new Error(`an address of Google Cloud ${result.problem}`);
}
