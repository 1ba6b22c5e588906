import type { JsonObject } from '../util/json.ts';
import { apiPath, type CallOptions, type KubeApi } from './api.ts';

/** A node as the API server has it; its labels tell region and zone. Needs `nodes: get`. */
export async function getNode(api: KubeApi, name: string, options?: CallOptions): Promise<JsonObject> {
  return await api.get(apiPath('api', 'v1', 'nodes', name), options);
}
