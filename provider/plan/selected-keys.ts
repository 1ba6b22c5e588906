import type { Plan, Source } from './plan.ts';

/** The same plan, whose sources know which keys the class's objects select, where those are single keys and nothing else. */
export function withSelectedKeys(plan: Plan): Plan {
  const outputs = Map.groupBy(plan.outputs, ({ source }) => source);
  const sources = plan.sources.map((source, index): Source => {
    const keys = (outputs.get(index) ?? []).map(({ select }) => ('key' in select ? select.key : undefined));
    if (keys.length === 0 || !keys.every((key) => key !== undefined)) return source;
    return { ...source, selectedKeys: [...new Set(keys)] };
  });
  return { ...plan, sources };
}
