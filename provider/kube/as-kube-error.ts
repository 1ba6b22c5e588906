import type { Code, KeymountError } from '../errors.ts';
import { KubeError, noAnswer } from './kube-error.ts';

const reasons: Readonly<Partial<Record<Code, string>>> = {
  'backend-unreachable': noAnswer.unreachable,
  'backend-untrusted': noAnswer.untrusted,
};

/** A failure of a connection, as one of the API server. Without the hint: it is about the connections of backends. */
export function asKubeError({ code, message, reason }: KeymountError): KubeError {
  const text = reason === undefined ? message : `${message}: ${reason}`;
  return new KubeError(undefined, reasons[code] ?? noAnswer.badReply, text);
}
