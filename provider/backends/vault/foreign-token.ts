import { KeymountError } from '../../errors.ts';
import { storeOf } from '../audiences.ts';
import type { ShownToken } from '../backend.ts';
import type { VaultConnection } from './connection.ts';

/** A server that a class alone chose, and the tokens that it may be shown all the same. */
export interface UnknownServer {
  /** Audiences that the admin lists, whatever store they are of: `dropIn.vault.audiences`. */
  readonly listed: readonly string[];
  /** Audiences of connections to other stores, as the admin's settings have them. */
  readonly ofOtherStores: readonly string[];
  /** `dropIn.vault` or `dropIn.openbao`, for messages. */
  readonly settings: string;
}

/**
 * Refuses (`address-not-allowed`) to show a token that is worth something at another store, or at the API server, to a server that
 * nobody but the class chose. Undefined: it may be shown.
 */
export function refuseForeignToken(
  { address, chosenByClass }: VaultConnection,
  { audiences, apiServers }: ShownToken,
): KeymountError | undefined {
  if (chosenByClass === undefined) return undefined;
  const { listed, ofOtherStores, settings } = chosenByClass;
  const storeOfToken = (audience: string) => {
    if (apiServers.includes(audience)) return 'the API server';
    return storeOf(audience) ?? (ofOtherStores.includes(audience) ? 'another store' : undefined);
  };
  // Each audience counts: a token for two is good at both.
  const foreign = audiences.find((each) => !listed.includes(each) && storeOfToken(each) !== undefined);
  if (foreign === undefined) return undefined;
  return new KeymountError(
    'address-not-allowed',
    `a token for audience "${foreign}" is one of ${storeOfToken(foreign)}, and the class alone chose the address ${address.text}`,
    {
      at: { path: 'parameters' },
      hint: `the admin of keymount sets ${settings}.address: ${address.text} (or lists it in allowedAddresses) if the server may have such tokens, or ${settings}.audiences: [${JSON.stringify(foreign)}] if any may; else name another audience in the class`,
    },
  );
}
