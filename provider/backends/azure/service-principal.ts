import { KeymountError } from '../../errors.ts';
import type { Login } from '../backend.ts';

const hint = 'the Secret of nodePublishSecretRef of the volume has clientid and clientsecret';

/** `clientid` and `clientsecret`, in any case, of the Secret of `nodePublishSecretRef`. Throws `token-missing`. */
export function servicePrincipalOf(secrets: Login['publishSecrets']): { clientId: string; secret: string } {
  if (secrets.size === 0) {
    throw new KeymountError('token-missing', 'failed to get credentials, nodePublishSecretRef secret is not set', {
      hint,
    });
  }
  const read = (wanted: string): string => {
    const found = [...secrets].find(([name]) => name.toLowerCase() === wanted)?.[1].reveal();
    if (found === undefined || found.trim() === '') {
      throw new KeymountError('token-missing', `could not find ${wanted} in the Secret of nodePublishSecretRef`, {
        hint,
      });
    }
    return found;
  };
  return { clientId: read('clientid').trim(), secret: read('clientsecret') };
}
