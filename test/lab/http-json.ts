import { request } from 'node:http';

export interface JsonReply {
  status: number;
  /** The parsed body, `undefined` if it was empty. */
  body: unknown;
}

export interface JsonRequest {
  method?: string;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Milliseconds, 30,000 unless told. */
  timeout?: number;
}

/**
 * One http request with a connection of its own: a server that a test has just restarted must not be asked over a dead
 * connection of before. Any status is an answer; no answer is an Error.
 */
export function requestJson(url: string, options: JsonRequest = {}): Promise<JsonReply> {
  const { method = 'GET', body, headers = {}, timeout = 30_000 } = options;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeout);
    const call = request(url, { method, agent: false, signal, headers: { ...headers, connection: 'close' } });
    call.on('error', (cause) => reject(new Error(`${method} ${new URL(url).pathname}: ${cause.message}`, { cause })));
    call.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        try {
          resolve({ status: response.statusCode ?? 0, body: text.trim() === '' ? undefined : JSON.parse(text) });
        } catch {
          reject(new Error(`${method} ${new URL(url).pathname}: the answer is not JSON`));
        }
      });
    });
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** True if anything answers http at this address. */
export function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request(url, { agent: false, signal: AbortSignal.timeout(2_000) }, (response) => {
      response.destroy();
      resolve(true);
    });
    call.on('error', () => resolve(false));
    call.end();
  });
}
