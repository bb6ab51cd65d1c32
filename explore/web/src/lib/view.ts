// What a view asks, and how the address of the page says it.

export type Kind = "text" | "item" | "upload";
export type Field = "dataset" | "subset" | "status" | "format" | "tags" | "groups" | "attributes";

export const FIELDS: Field[] = ["dataset", "subset", "tags", "groups", "status", "attributes", "format"];
export const SORTS: [string, string][] = [
  ["id", "name"],
  ["ingested_at", "time of ingest"],
  ["width", "width"],
  ["height", "height"],
  ["file_size", "file size"],
  ["subset", "subset"],
  ["status", "status"],
];

export interface Query {
  kind: Kind;
  given: string;
}

export interface Filter {
  field: Field;
  value: string;
  excluded: boolean;
}

export interface View {
  model: string;
  queries: Query[];
  filters: Filter[];
  where: string;
  sort: string;
  descending: boolean;
  /** A statement whose answer names the items; the others are empty then. */
  sql: string;
}

export function emptyView(): View {
  return { model: "", queries: [], filters: [], where: "", sort: "", descending: false, sql: "" };
}

/** Return the query string of a view: its readable state. */
export function toAddress(view: View): string {
  const given = new URLSearchParams();
  if (view.model) given.set("model", view.model);
  if (view.sql) given.set("sql", view.sql);
  for (const query of view.queries) given.append("q", `${query.kind}:${query.given}`);
  for (const filter of view.filters) {
    given.append("f", `${filter.excluded ? "-" : ""}${filter.field}:${filter.value}`);
  }
  if (view.where) given.set("where", view.where);
  if (view.sort) given.set("sort", `${view.descending ? "-" : ""}${view.sort}`);
  return given.toString();
}

/** Return the view that a query string says; what it does not know is left out. */
export function fromAddress(search: string): View {
  const given = new URLSearchParams(search);
  const view = emptyView();
  view.model = given.get("model") ?? "";
  view.sql = given.get("sql") ?? "";
  for (const text of given.getAll("q")) {
    const at = text.indexOf(":");
    const kind = text.slice(0, at);
    if (kind === "text" || kind === "item" || kind === "upload") {
      view.queries.push({ kind, given: text.slice(at + 1) });
    }
  }
  for (const text of given.getAll("f")) {
    const excluded = text.startsWith("-");
    const said = excluded ? text.slice(1) : text;
    const at = said.indexOf(":");
    const field = FIELDS.find((one) => one === said.slice(0, at));
    if (field) view.filters.push({ field, value: said.slice(at + 1), excluded });
  }
  view.where = given.get("where") ?? "";
  const sort = given.get("sort") ?? "";
  view.descending = sort.startsWith("-");
  const by = view.descending ? sort.slice(1) : sort;
  if (SORTS.some(([name]) => name === by)) view.sort = by;
  else view.descending = false;
  return view;
}

/** Return what the server takes as a search. */
export function toRequest(view: View): object {
  return {
    model: view.model || null,
    queries: view.queries,
    filters: view.filters,
    where: view.where || null,
    sort: view.sort ? { by: view.sort, descending: view.descending } : null,
  };
}
