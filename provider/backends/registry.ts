import type { Backend } from './backend.ts';

/** The backends by kind, each loaded when a connection first needs it: what is not used costs neither memory nor start-up. */
const loaders: Record<string, () => Promise<Backend>> = {
  vault: async () => (await import('./vault/index.ts')).vaultBackend as Backend,
  openbao: async () => (await import('./vault/index.ts')).openbaoBackend as Backend,
  file: async () => (await import('./file/index.ts')).fileBackend as Backend,
};

export const backendKinds: readonly string[] = Object.keys(loaders);

/** undefined: there is no such kind. */
export async function loadBackend(kind: string): Promise<Backend | undefined> {
  return Object.hasOwn(loaders, kind) ? await loaders[kind]?.() : undefined;
}
