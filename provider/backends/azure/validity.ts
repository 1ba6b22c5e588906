import { isJsonObject, type JsonObject, ownKey, toInteger } from '../../util/json.ts';
import { type AzureRef, describeRef } from './ref.ts';

/** Seconds before the end of an object from which on it is said: two weeks. */
const soon = 14 * 24 * 3600;

/**
 * What `nbf` and `exp` of an object say, as a warning: Key Vault gives secrets before and after that time all the same, so the pod
 * gets them.
 */
export function validityOf(body: JsonObject, ref: AzureRef, now: number): { readonly warnings?: readonly string[] } {
  const attributes = ownKey(body, 'attributes');
  if (!isJsonObject(attributes)) return {};
  const seconds = now / 1000;
  const nbf = toInteger(ownKey(attributes, 'nbf'));
  const exp = toInteger(ownKey(attributes, 'exp'));
  const object = describeRef(ref);
  const warnings: string[] = [];
  if (nbf !== undefined && nbf > seconds)
    warnings.push(`${object} is not to be used before ${dateOf(nbf)} (notBefore)`);
  if (exp !== undefined && exp <= seconds) warnings.push(`${object} has expired at ${dateOf(exp)}`);
  else if (exp !== undefined && exp - soon <= seconds) warnings.push(`${object} expires at ${dateOf(exp)}`);
  return warnings.length === 0 ? {} : { warnings };
}

function dateOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? 'a time that does not exist' : date.toISOString().replace('.000Z', 'Z');
}
