import { type JsonReply, type JsonRequest, requestJson } from './http-json.ts';

export interface ApiRequest extends JsonRequest {
  /** `null` sends no token. */
  token?: string | null;
}

/** OpenBao's API as root. Paths have no `/v1/`. */
export interface BaoApi {
  /** One call. Any status is an answer; the root token is sent unless `token` is given. */
  request(method: string, path: string, options?: ApiRequest): Promise<JsonReply>;
  /** Reads, and returns the whole reply. This and what follows throw on a status of 400 or above, with the server's words. */
  read(path: string): Promise<Record<string, unknown>>;
  write(path: string, body?: object): Promise<Record<string, unknown>>;
  delete(path: string): Promise<void>;
  /** Writes a KV v2 secret, below `secret` unless told; the number of the new version. */
  putKv2(name: string, data: object, mount?: string): Promise<number>;
  /** Mounts a secrets engine, such as `mount('kv1', 'kv', { version: '1' })`. */
  mount(path: string, type: string, options?: Record<string, string>): Promise<void>;
  policy(name: string, rules: string): Promise<void>;
}

/** `rootToken` is asked at each call: there is none before the server is initialised. */
export function baoApi(address: string, rootToken: () => string): BaoApi {
  async function request(method: string, path: string, options: ApiRequest = {}): Promise<JsonReply> {
    const { token = rootToken(), ...rest } = options;
    const headers = { ...rest.headers, ...(token ? { 'x-vault-token': token } : {}) };
    return requestJson(`${address}/v1/${path}`, { ...rest, method, headers });
  }

  async function must(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const reply = await request(method, path, { body });
    if (reply.status >= 400) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return (reply.body ?? {}) as Record<string, unknown>;
  }

  return {
    request,
    read: (path) => must('GET', path),
    write: (path, body = {}) => must('POST', path, body),
    async delete(path) {
      await must('DELETE', path);
    },
    async putKv2(name, data, mount = 'secret') {
      const reply = await must('POST', `${mount}/data/${name}`, { data });
      return (reply['data'] as { version: number }).version;
    },
    async mount(path, type, options = {}) {
      await must('POST', `sys/mounts/${path}`, { type, options });
    },
    async policy(name, rules) {
      await must('PUT', `sys/policies/acl/${name}`, { policy: rules });
    },
  };
}
