import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type MountCall, type MountRequest, readRequest } from './request.ts';

/** Characters of the requests that are kept, together. */
const mostText = 16 * 2 ** 20;

/**
 * Requests that were read before. kubelet sends the same one about every minute for as long as it keeps the pod's token, and
 * reading is pure, so it is read once. Remembered by hash: what it holds is secret.
 */
export class Requests {
  // Each holds a pod's tokens and parameters, some kilobytes; kubelet runs 110 pods on a node unless told otherwise. But a pod's
  // author may write a megabyte of volumeAttributes.
  readonly #requests = new LRUCache<string, MountRequest>({ max: 256, maxSize: mostText });

  /** Throws `request-malformed`. */
  read({ attributes, secrets, permission }: MountCall): MountRequest {
    // The lengths keep the parts apart.
    const key = hash('sha256', `${attributes.length} ${secrets.length} ${attributes}${secrets}${permission}`, 'base64');
    let request = this.#requests.get(key);
    if (request === undefined) {
      request = readRequest({ attributes, secrets, permission });
      this.#requests.set(key, request, { size: attributes.length + secrets.length + 1 });
    }
    return request;
  }
}
