/** Names that stand more than once, with who has them. */
export function doubles<T>(
  items: readonly T[],
  key: (item: T) => string,
  name: (item: T) => string,
): [string, string[]][] {
  const groups = new Map<string, string[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), name(item)]);
  return [...groups].filter(([value, names]) => value !== "" && names.length > 1);
}
