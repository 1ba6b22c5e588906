/** The namespace of all pods of the benchmark, as mountbench has it. */
export const namespace = 'bench';

/** Pods at one time, and how often others come in their place. */
export const batch = 100;
export const batches = 25;

/** The ServiceAccounts that clouds know, each with objects of its own: that of replicas, and those of batches, see `accountOf`. */
export const accounts: readonly string[] = [
  'web',
  ...numbers(batch).map((pod) => `app-${pod}`),
  ...numbers(batches).flatMap((round) => numbers(batch).map((pod) => accountOf(round, `${pod}`))),
];

/** The ServiceAccount of a pod of a batch. */
export function accountOf(round: number, pod: string): string {
  return `job-${round}-${pod}`;
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** The subject of their tokens. */
export function subjectOf(account: string): string {
  return `system:serviceaccount:${namespace}:${account}`;
}

/** The value of an object: 40 characters, as those of the Vault scenarios. */
export function contentOf(account: string, object: number): string {
  return `${account}/o${object}`.padEnd(40, 'x');
}
