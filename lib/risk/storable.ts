// What of JSON a table can hold. DynamoDB refuses a name without a character anywhere in an item, which most stand-ins for it accept.

/** No name of ours comes near it; DynamoDB's own bound is 64 KB. */
const NAME_CHARS_MAX = 255;

export const isStorableName = (name: string): boolean => name.length > 0 && name.length <= NAME_CHARS_MAX;

/** @param value JSON */
export function isStorable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isStorable);
  return Object.entries(value).every(([name, member]) => isStorableName(name) && isStorable(member));
}
