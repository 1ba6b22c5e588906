import type { AdminSettings } from '../backend.ts';

/** Certificates and keys that the admin's settings name for connections: a class may not name them as its own. */
export function adminKeyFiles({ dropIn, connections }: AdminSettings): string[] {
  const named = Object.values(connections).map(({ tls }) => tls);
  return [dropIn.vault.tls, dropIn.openbao.tls, ...named].flatMap((tls) =>
    ['cert', 'key'].map((name) => fieldOf(tls, name)).filter((path) => path !== undefined),
  );
}

/** Audiences that the admin's settings name for connections to other stores than Vault and OpenBao. */
export function otherAudiences({ dropIn, connections }: AdminSettings): string[] {
  const others = Object.values(connections).filter(({ kind }) => kind !== 'vault' && kind !== 'openbao');
  return [dropIn.azure.audience, ...others.map(({ auth }) => fieldOf(auth, 'audience'))].filter(
    (audience) => audience !== undefined,
  );
}

function fieldOf(settings: unknown, name: string): string | undefined {
  if (typeof settings !== 'object' || settings === null) return undefined;
  const value: unknown = Object.getOwnPropertyDescriptor(settings, name)?.value;
  return typeof value === 'string' ? value : undefined;
}
