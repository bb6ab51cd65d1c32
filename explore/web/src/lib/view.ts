// What a view asks, and how the address of the page says it.

export type Kind = "text" | "item" | "group" | "each-of" | "upload";
export type Combine = "" | "nearest" | "balanced" | "all" | "blend";
export type Field = "dataset" | "subset" | "status" | "format" | "tags" | "groups" | "attributes";
/** Left, top, width and height, in shares of a picture's size. */
export type Region = [number, number, number, number];

export const FIELDS: Field[] = ["dataset", "subset", "tags", "groups", "status", "attributes", "format"];
export const SORTS: [string, string][] = [
  ["", "dataset and name"],
  ["id", "name"],
  ["ingested_at", "time of ingest"],
  ["width", "width"],
  ["height", "height"],
  ["file_size", "file size"],
  ["subset", "subset"],
  ["status", "status"],
];
export const COMBINES: [Combine, string][] = [
  ["nearest", "like any of them"],
  ["balanced", "an equal share each"],
  ["all", "like all of them"],
  ["blend", "like their sum"],
];
const KINDS: Kind[] = ["text", "item", "group", "each-of", "upload"];

export interface Query {
  kind: Kind;
  given: string;
  weight: number;
  box: Region | null;
}

export interface Filter {
  field: Field;
  value: string;
  excluded: boolean;
}

export interface Lasso {
  map: string;
  polygon: number[];
}

export interface View {
  model: string;
  queries: Query[];
  combine: Combine;
  filters: Filter[];
  where: string;
  /** An expression, such as a column's name; empty for the order of names. */
  sort: string;
  descending: boolean;
  /** Pictures less similar are left out. */
  least: number | null;
  /** Whether similarities are shares of the catalog's pairs that are no more alike. */
  calibrated: boolean;
  /** Models whose rankings are fused; `model` is empty then. */
  models: string[];
  /** A part of a map: the map's name, and x and y of each corner in turn. */
  lasso: Lasso | null;
  /** A statement whose answer names the items; the others are empty then. */
  sql: string;
}

export function emptyView(): View {
  return { model: "", queries: [], combine: "", filters: [], where: "", sort: "", descending: false, least: null, calibrated: false, models: [], lasso: null, sql: "" };
}

export function newQuery(kind: Kind, given: string, box: Region | null = null, weight = 1): Query {
  return { kind, given, weight, box };
}

/** Tell whether queries have weights, which blend them. */
export function isWeighted(view: View): boolean {
  return view.queries.some((query) => query.weight !== 1);
}

function toText({ kind, given, weight, box }: Query): string {
  return `${kind}${weight === 1 ? "" : `^${weight}`}${box ? `@${box.join()}` : ""}:${given}`;
}

function toQuery(text: string): Query | null {
  const found = /^([a-z-]+)(?:\^(-?[\d.]+))?(?:@([\d.,]+))?:([^]*)$/.exec(text);
  const kind = KINDS.find((one) => one === found?.[1]);
  if (!found || !kind) return null;
  const weight = Number(found[2] ?? 1);
  const box = found[3]?.split(",").map(Number);
  const isBox = box?.length === 4 && box.every(Number.isFinite);
  return newQuery(kind, found[4] ?? "", isBox ? (box as Region) : null, Number.isFinite(weight) ? weight : 1);
}

/** Return the query string of a view: its readable state. */
export function toAddress(view: View): string {
  const given = new URLSearchParams();
  for (const model of view.models.length ? view.models : [view.model]) if (model) given.append("model", model);
  if (view.sql) given.set("sql", view.sql);
  for (const query of view.queries) given.append("q", toText(query));
  if (view.combine) given.set("combine", view.combine);
  for (const filter of view.filters) {
    given.append("f", `${filter.excluded ? "-" : ""}${filter.field}:${filter.value}`);
  }
  if (view.where) given.set("where", view.where);
  if (view.sort) given.set("sort", `${view.descending ? "-" : ""}${view.sort}`);
  if (view.least !== null) given.set("least", String(view.least));
  if (view.calibrated) given.set("calibrated", "yes");
  if (view.lasso) given.set("lasso", `${view.lasso.map}:${view.lasso.polygon.join()}`);
  return given.toString();
}

/** Return the view that a query string says; what it does not know is left out. */
export function fromAddress(search: string): View {
  const given = new URLSearchParams(search);
  const view = emptyView();
  const models = given.getAll("model");
  if (models.length > 1) view.models = models;
  else view.model = models[0] ?? "";
  view.calibrated = given.get("calibrated") === "yes";
  view.sql = given.get("sql") ?? "";
  for (const text of given.getAll("q")) {
    const query = toQuery(text);
    if (query) view.queries.push(query);
  }
  view.combine = COMBINES.find(([name]) => name === given.get("combine"))?.[0] ?? "";
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
  view.sort = view.descending ? sort.slice(1) : sort;
  const least = Number(given.get("least") ?? Number.NaN);
  if (Number.isFinite(least)) view.least = least;
  const lasso = /^(\w+):([-\d.,e]+)$/.exec(given.get("lasso") ?? "");
  const polygon = lasso?.[2]?.split(",").map(Number) ?? [];
  if (lasso && polygon.length >= 6 && polygon.every(Number.isFinite)) view.lasso = { map: lasso[1]!, polygon };
  return view;
}

/** Return what the server takes as a search; a query that weighs nothing is left out. */
export function toRequest(view: View): object {
  const queries = view.queries.filter((query) => query.weight !== 0);
  return {
    model: view.model || null,
    queries,
    combine: isWeighted(view) ? null : view.combine || null,
    filters: view.filters,
    where: view.where || null,
    sort: view.sort ? `${view.descending ? "-" : ""}${view.sort}` : null,
    min_similarity: queries.length ? view.least : null,
    calibrated: view.calibrated,
    models: view.models,
    lasso: view.lasso,
  };
}

/** Return the view that the server's JSON of one means. */
export function fromRequest(asked: SavedView): View {
  const view = emptyView();
  const descending = asked.sort?.startsWith("-") ?? false;
  return {
    ...view,
    model: asked.model ?? "",
    queries: asked.queries,
    combine: asked.queries.length > 1 ? (asked.combine ?? "") : "",
    filters: asked.filters,
    where: asked.where ?? "",
    sort: descending ? (asked.sort?.slice(1) ?? "") : (asked.sort ?? ""),
    descending,
    least: asked.min_similarity,
    calibrated: asked.calibrated,
    models: asked.models,
  };
}

export interface SavedView {
  model: string | null;
  queries: Query[];
  combine: Combine | null;
  filters: Filter[];
  where: string | null;
  sort: string | null;
  min_similarity: number | null;
  calibrated: boolean;
  models: string[];
}
