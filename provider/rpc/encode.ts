import type { CSIDriverProviderDefinition } from './gen/v1alpha1/CSIDriverProvider.ts';
import type { MountResponse } from './gen/v1alpha1/MountResponse.ts';

/**
 * The service with replies that are encoded once: most Mounts are republishes, and their reply is the one from the last time. The
 * bytes live as long as their message does.
 */
export function encodeOnce(service: CSIDriverProviderDefinition): CSIDriverProviderDefinition {
  const { responseSerialize } = service.Mount;
  const encoded = new WeakMap<MountResponse, Buffer>();
  return {
    ...service,
    Mount: {
      ...service.Mount,
      responseSerialize(message) {
        let bytes = encoded.get(message);
        if (bytes === undefined) {
          bytes = responseSerialize(message);
          encoded.set(message, bytes);
        }
        return bytes;
      },
    },
  };
}
