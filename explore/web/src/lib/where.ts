// Names that are proposed while a filter is typed.

const MOST = 8;
const NAME = /[\p{L}_][\p{L}\p{N}_]*$/u;

/** Return the name that ends at a place of a filter, "" without one or within a text in quotes. */
export function wordAt(where: string, at: number): string {
  const before = where.slice(0, at);
  if ((before.split('"').length - 1) % 2 || (before.split("'").length - 1) % 2) return "";
  return NAME.exec(before)?.[0] ?? "";
}

/** Return names that begin as the one at a place does. */
export function proposals(where: string, at: number, names: readonly string[]): string[] {
  const word = wordAt(where, at);
  if (!word) return [];
  return names.filter((name) => name.length > word.length && name.startsWith(word)).slice(0, MOST);
}

/** Return the filter with the name at a place whole, and the place behind it. */
export function completed(where: string, at: number, name: string): [string, number] {
  const start = at - wordAt(where, at).length;
  return [where.slice(0, start) + name + where.slice(at), start + name.length];
}
