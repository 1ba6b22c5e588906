import { type Backend, depsOf, type LineState, type SharedDeps } from './backend.ts';

/** The backends by kind, each loaded when a connection first needs it: what is not used costs neither memory nor start-up. */
const loaders: Record<string, () => Promise<Backend>> = {
  vault: async () => (await import('./vault/index.ts')).vaultBackend as Backend,
  openbao: async () => (await import('./vault/index.ts')).openbaoBackend as Backend,
  'gcp-secretmanager': async () => (await import('./gcp/index.ts')).secretManagerBackend as Backend,
  'gcp-parametermanager': async () => (await import('./gcp/index.ts')).parameterManagerBackend as Backend,
  // Both services, for classes of the AWS provider.
  aws: async () => (await import('./aws/index.ts')).awsBackend as Backend,
  'aws-secretsmanager': async () => (await import('./aws/index.ts')).secretsManagerBackend as Backend,
  'aws-ssm': async () => (await import('./aws/index.ts')).parameterStoreBackend as Backend,
  'azure-keyvault': async () => (await import('./azure/index.ts')).azureBackend as Backend,
  file: async () => (await import('./file/index.ts')).fileBackend as Backend,
};

export const backendKinds: readonly string[] = Object.keys(loaders);

/** undefined: there is no such kind. */
export async function loadBackend(kind: string): Promise<Backend | undefined> {
  if (!Object.hasOwn(loaders, kind)) return undefined;
  const backend = await loaders[kind]?.();
  if (backend !== undefined) loaded.add(backend);
  return backend;
}

const loaded = new Set<Backend>();

/** The servers that all backends in use talk to. */
export function lineStates(): LineState[] {
  return [...loaded].flatMap((backend) => backend.lines?.() ?? []);
}

/** A pod is gone: no backend in use keeps anything for its next login. */
export function forgetPod(podUid: string, deps: SharedDeps): void {
  for (const backend of loaded) backend.forgetPod?.(podUid, depsOf(backend, deps));
}
