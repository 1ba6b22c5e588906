/** A token for vaults. */
export interface Authority {
  readonly token: string;
  /** When it is not good enough for another Mount, in milliseconds of the clock. */
  readonly expires: number;
}

/** As whom the vault is asked, for messages. */
export interface Who {
  readonly clientId: string | undefined;
  readonly tenant: string | undefined;
  readonly method: string;
}

export function whoText({ clientId, tenant, method }: Who): string {
  const client = clientId === undefined ? `the ${method}` : `client ${clientId}`;
  return tenant === undefined ? client : `${client} of tenant ${tenant}`;
}
