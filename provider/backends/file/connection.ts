import { isAbsolute } from 'node:path';
import * as z from 'zod';

/** A named connection of `kind: file`, beside `kind` and `allow`. */
export const fileConnection = z.strictObject({
  /** The directory with the secrets, absolute. It may be the mount of a Kubernetes Secret or ConfigMap. */
  path: z.string().refine(isAbsolute, 'must be an absolute path'),
  /**
   * No login proves who asks for a file. `true` lets `allow` go by the pod attributes that the driver sends, for pods whose
   * token proves nothing either. Default false.
   */
  trustDriver: z.boolean().default(false),
});

export type FileConnection = z.infer<typeof fileConnection>;
