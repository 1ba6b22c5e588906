import type { Identity } from '../backend.ts';

/** STS takes 2 to 64 letters, digits and `+=,.@-`. */
const longest = 64;

/**
 * Who asks, for the readers of CloudTrail: `shop.web.web-6d4cf56db6-x2k4j`, without the pod where all pods of the ServiceAccount
 * share the credentials. Of what is too long, a namespace and a ServiceAccount keep their beginning, a pod its end.
 */
export function sessionName({ namespace, serviceAccount, pod }: Identity, isShared: boolean): string {
  const parts = isShared ? [namespace, serviceAccount] : [namespace, serviceAccount, pod];
  const clean = parts.map((part) => part.replace(/[^\w+=,.@-]/g, '-'));
  const whole = clean.join('.');
  if (whole.length <= longest) return whole.padEnd(2, '-');
  const room = Math.floor((longest - parts.length + 1) / parts.length);
  return clean.map((part, index) => (index === 2 ? part.slice(-room) : part.slice(0, room))).join('.');
}
