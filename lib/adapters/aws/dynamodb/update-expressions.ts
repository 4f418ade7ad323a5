// The plan of a conditional write in DynamoDB's language.
import type { ItemPlan } from '../../../risk/item-plan.ts';

/**
 * Parameters of one UpdateItem; the item must exist. Every name is replaced by a placeholder: ids and symbols may hold any character.
 * @param beside attributes to set that the plan knows nothing of
 */
export function updateExpressions(
  plan: ItemPlan<readonly string[], unknown>,
  beside: Readonly<Record<string, unknown>>,
) {
  const names = new Map<string, string>();
  const values: Record<string, unknown> = {};
  const name = (path: readonly string[]) =>
    path
      .map((key) => {
        if (!names.has(key)) names.set(key, `#n${names.size}`);
        return names.get(key);
      })
      .join('.');
  const value = (given: unknown) => {
    const placeholder = `:v${Object.keys(values).length}`;
    values[placeholder] = given;
    return placeholder;
  };
  // An update of what is not there would create it.
  const conditions = ['attribute_exists(sk)'];
  for (const condition of plan.conditions) {
    const at = name(condition.path);
    if ('equals' in condition) conditions.push(`${at} = ${value(condition.equals)}`);
    else if ('absent' in condition) conditions.push(`attribute_not_exists(${at})`);
    else if ('sizeBelow' in condition) conditions.push(`size(${at}) < ${value(condition.sizeBelow)}`);
    else conditions.push(`${at} BETWEEN ${value(condition.between[0])} AND ${value(condition.between[1])}`);
  }
  const assignments: string[] = [];
  const removals: string[] = [];
  for (const change of plan.changes) {
    const at = name(change.path);
    if ('remove' in change) removals.push(at);
    else if ('set' in change) assignments.push(`${at} = ${value(change.set)}`);
    else assignments.push(`${at} = ${at} + ${value(change.add)}`);
  }
  for (const [attribute, given] of Object.entries(beside))
    assignments.push(`${name([attribute])} = ${value(given)}`);
  const clause = (keyword: string, parts: readonly string[]) =>
    parts.length === 0 ? [] : [`${keyword} ${parts.join(', ')}`];
  return {
    ConditionExpression: conditions.join(' AND '),
    UpdateExpression: [...clause('SET', assignments), ...clause('REMOVE', removals)].join(' '),
    ExpressionAttributeNames: Object.fromEntries([...names].map(([key, placeholder]) => [placeholder, key])),
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
  };
}
