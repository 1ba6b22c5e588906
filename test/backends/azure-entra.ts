import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';

/** What a fake of Azure answers. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

/** An app registration or user-assigned identity of a tenant. */
export interface App {
  readonly tenant: string;
  readonly clientId: string;
  readonly secret?: string;
  /** https://learn.microsoft.com/entra/workload-id/workload-identity-federation */
  readonly federation?: { readonly issuer: string; readonly subject: string; readonly audience: string };
}

/** Who holds an access token, and for what. */
export interface Holder {
  readonly clientId: string;
  readonly tenant: string;
  readonly resource: string;
  readonly ends: number;
}

/**
 * Entra ID as far as clients ask it for tokens of applications: discovery and the token endpoint with client assertions, which are
 * verified, and secrets. https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
 * errors as in https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export class FakeEntra {
  readonly apps: App[] = [];
  readonly tokens = new Map<string, Holder>();
  /** Seconds that a token lives. */
  life = 3599;
  /** Tokens that were asked for, by client. */
  readonly asked: string[] = [];
  readonly #jwks: JSONWebKeySet;

  constructor(jwks: JSONWebKeySet) {
    this.#jwks = jwks;
  }

  async answer(request: IncomingMessage, body: string, base: string): Promise<Answer | undefined> {
    const url = new URL(request.url ?? '/', base);
    const [, tenant = '', ...rest] = url.pathname.split('/');
    const path = rest.join('/');
    if (url.pathname === '/common/discovery/instance') return this.#instances(url, base);
    if (path === 'v2.0/.well-known/openid-configuration') return { status: 200, body: metadataOf(base, tenant) };
    if (path === 'discovery/v2.0/keys') return { status: 200, body: { keys: [] } };
    if (path !== 'oauth2/v2.0/token') return undefined;
    if (request.method !== 'POST') return { status: 405, body: {} };
    return await this.#token(tenant, new URLSearchParams(body));
  }

  #instances(url: URL, base: string): Answer {
    const tenant = (url.searchParams.get('authorization_endpoint') ?? '').split('/')[3] ?? 'common';
    const host = new URL(base).host;
    return {
      status: 200,
      body: {
        tenant_discovery_endpoint: `${base}/${tenant}/v2.0/.well-known/openid-configuration`,
        'api-version': '1.1',
        metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
      },
    };
  }

  async #token(tenant: string, form: URLSearchParams): Promise<Answer> {
    const read = (name: string) => form.get(name) ?? '';
    const clientId = read('client_id');
    this.asked.push(clientId);
    if (read('grant_type') !== 'client_credentials') {
      return refusal(400, 'unsupported_grant_type', 70003, 'The app requested an unsupported grant type.');
    }
    const resource = /^(https:\/\/[^ ]+)\/\.default(?: |$)/.exec(read('scope'))?.[1];
    if (resource === undefined) {
      return refusal(400, 'invalid_scope', 70011, "The provided request must include a 'scope' input parameter.");
    }
    const ofTenant = this.apps.filter((app) => app.tenant === tenant);
    if (ofTenant.length === 0) {
      return refusal(
        400,
        'invalid_request',
        90002,
        `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID.`,
      );
    }
    const apps = ofTenant.filter((app) => app.clientId === clientId);
    if (apps.length === 0) {
      return refusal(
        400,
        'unauthorized_client',
        700016,
        `Application with identifier '${clientId}' was not found in the directory '${tenant}'.`,
      );
    }
    const refused = form.has('client_assertion')
      ? await this.#checkAssertion(apps, read('client_assertion_type'), read('client_assertion'))
      : checkSecret(apps, form.get('client_secret'));
    return refused ?? this.issue(clientId, tenant, resource);
  }

  async #checkAssertion(apps: readonly App[], type: string, assertion: string): Promise<Answer | undefined> {
    if (type !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') {
      return refusal(
        400,
        'invalid_request',
        900144,
        "The request body must contain the parameter 'client_assertion_type'.",
      );
    }
    const claims = decode(assertion);
    if (claims === undefined) return refusal(400, 'invalid_request', 50027, 'JWT token is invalid or malformed.');
    const known = apps.flatMap(({ federation }) => federation ?? []);
    const ofIssuer = known.filter(({ issuer }) => issuer === claims.iss);
    const invalid = (code: number, what: string) =>
      refusal(
        401,
        'invalid_client',
        code,
        `No matching federated identity record found for presented assertion ${what}. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion.`,
      );
    if (ofIssuer.length === 0) return invalid(700211, `issuer '${claims.iss}'`);
    const ofSubject = ofIssuer.filter(({ subject }) => subject === claims.sub);
    if (ofSubject.length === 0) return invalid(700213, `subject '${claims.sub}'`);
    const audiences = [claims.aud ?? []].flat();
    if (!ofSubject.some(({ audience }) => audiences.includes(audience))) {
      return invalid(700212, `audience '${audiences.join()}'`);
    }
    try {
      await jwtVerify(assertion, createLocalJWKSet(this.#jwks), { issuer: claims.iss ?? '', clockTolerance: 300 });
      return undefined;
    } catch (thrown) {
      if ((thrown as { code?: string }).code === 'ERR_JWT_EXPIRED') {
        return refusal(401, 'invalid_client', 700024, 'Client assertion is not within its valid time range.');
      }
      return refusal(
        401,
        'invalid_client',
        700027,
        'The certificate with identifier used to sign the client assertion is not registered on application.',
      );
    }
  }

  issue(clientId: string, tenant: string, resource: string): Answer {
    const token = `eyJ0eXAiOiJKV1QifQ.${randomBytes(60).toString('base64url')}.${randomBytes(40).toString('base64url')}`;
    this.tokens.set(token, { clientId, tenant, resource, ends: Date.now() + this.life * 1000 });
    return {
      status: 200,
      body: { token_type: 'Bearer', expires_in: this.life, ext_expires_in: this.life, access_token: token },
    };
  }
}

function metadataOf(base: string, tenant: string) {
  return {
    token_endpoint: `${base}/${tenant}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
    jwks_uri: `${base}/${tenant}/discovery/v2.0/keys`,
    authorization_endpoint: `${base}/${tenant}/oauth2/v2.0/authorize`,
    issuer: `${base}/${tenant}/v2.0`,
    response_types_supported: ['code'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
  };
}

function checkSecret(apps: readonly App[], secret: string | null): Answer | undefined {
  if (secret === null) {
    return refusal(
      401,
      'invalid_client',
      7000218,
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    );
  }
  if (apps.some((app) => app.secret !== undefined && app.secret === secret)) return undefined;
  return refusal(
    401,
    'invalid_client',
    7000215,
    'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.',
  );
}

function decode(assertion: string) {
  try {
    return decodeJwt(assertion);
  } catch {
    return undefined;
  }
}

/** Its ids and its time are new in each answer. */
export function refusal(status: number, error: string, code: number, text: string): Answer {
  const [trace, correlation] = [randomUUID(), randomUUID()];
  const timestamp = new Date().toISOString().replace('T', ' ').replace(/\.\d+/, '');
  return {
    status,
    body: {
      error,
      error_description: `AADSTS${code}: ${text} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
      error_codes: [code],
      timestamp,
      trace_id: trace,
      correlation_id: correlation,
      error_uri: `https://login.microsoftonline.com/error?code=${code}`,
    },
  };
}
