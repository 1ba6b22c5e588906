import type { KubeObject } from './cluster.ts';

interface Rule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly verbs: string[];
}

/** The RBAC rules of these objects by name: `Role secrets: get`. Throws where two have one name. */
export function rulesIn(objects: readonly KubeObject[]): string[] {
  const names = objects.flatMap((object) => rulesOf(object).map((rule) => nameOf(object, rule)));
  if (new Set(names).size < names.length) throw new Error(`rules of one name: ${names.join(', ')}`);
  return names;
}

/** The same objects without one rule. */
export function withoutRule(objects: readonly KubeObject[], name: string): KubeObject[] {
  if (!rulesIn(objects).includes(name)) throw new Error(`there is no rule ${name}`);
  return objects.map((object) => {
    const rules = rulesOf(object);
    return rules.length === 0 ? object : { ...object, rules: rules.filter((rule) => nameOf(object, rule) !== name) };
  });
}

function rulesOf({ kind, rules }: KubeObject): Rule[] {
  return kind === 'Role' || kind === 'ClusterRole' ? (rules as Rule[]) : [];
}

function nameOf({ kind }: KubeObject, { apiGroups, resources, verbs }: Rule): string {
  const group = apiGroups.join() === '' ? '' : `.${apiGroups.join()}`;
  return `${kind} ${resources.join()}${group}: ${verbs.join(', ')}`;
}
