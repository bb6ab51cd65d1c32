// The server's HTTP API, as openapi.json describes it.

import type { SavedView } from "./view";

export interface Model {
  name: string;
  table: string;
  words: boolean;
  dimension: number;
  bits: number;
  items: number;
}

export interface Dataset {
  dataset: string;
  subsets: string[];
  items: number;
  rejects: number;
}

export interface Catalog {
  location: string;
  embedded: boolean;
  readOnly: boolean;
  models: Model[];
  datasets: Dataset[];
  version: number;
  undo: string | null;
  /** The version of Hamsight. */
  hamsight: string;
}

export interface Box {
  label: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Row {
  number: number;
  version: string;
  dataset: string;
  subset: string;
  id: string;
  uri?: string;
  width: number;
  height: number;
  orientation: number;
  file_size: number;
  format: string;
  tags: Record<string, number>;
  boxes: Box[];
  captions: string[];
  groups: string[];
  status: string;
  attributes: Record<string, string>;
  ingested_at: string;
  /** What analyses give the item; of a whole item alone. */
  scores?: Record<string, number>;
  selected?: boolean;
  similarity?: number;
  distance?: number;
}

export interface Result {
  result: string;
  model: string;
  total: number;
  ranked: boolean;
  sql: string;
  command: string | null;
  where: string | null;
  notes: string[];
  /** What the catalog says of each query that is a stored picture. */
  queried: Record<string, Row>;
  milliseconds: number;
}

export interface Rows {
  from: number;
  total: number;
  selected: number;
  rows: (Row | null)[];
}

export interface FacetValue {
  value: string;
  items: number;
  selected?: number;
}

export interface Facet {
  field: string;
  values: FacetValue[];
  more: number;
}

export interface Change {
  label: string;
  selected: number;
  changed: number;
  undo: number | null;
  version: number;
}

export interface Job {
  job: number;
  label: string;
  /** What it makes: an analysis of that kind, an `export`, or nothing that is shown. */
  kind: string;
  state: "running" | "done" | "failed" | "cancelled";
  done: number;
  total: number;
  message: string;
  seconds: number;
}

export interface Answer {
  columns: string[];
  rows: unknown[][];
  more: boolean;
  items: boolean;
  milliseconds: number;
}

export interface SavedQuery {
  name: string;
  view: SavedView | null;
}

export interface MapOf {
  analysis: string;
  method: string;
  component: number | null;
  items: number;
  trustworthiness: number | null;
  /** What a lasso names: the same after items were placed on the map. */
  layout: string;
  created_at: string;
  current: boolean;
}

/** What the colours of a map's points mean: a byte a point, the place of a name from 1, or a shade. */
export interface Colours {
  by: string;
  names: string[];
  least: number;
  greatest: number;
  codes: Uint8Array;
}

/** How many pictures of a search have which similarity, in equal steps. */
export interface Spread {
  least: number;
  greatest: number;
  counts: number[];
}

export interface Upload {
  upload: string;
  name: string;
  width: number;
  height: number;
}

export type Kind = "duplicates" | "leaks" | "mislabelled" | "outliers" | "quality";
export type Shown = "open" | "decided" | "all";

export interface Count {
  total: number;
  open: number;
}

/** An analysis whose findings stand; those with lists count what was found and what is open. */
export interface Analysis {
  analysis: string;
  kind: string;
  scope: { dataset?: string[]; subset?: string[]; where?: string; a?: string; b?: string };
  settings: Record<string, unknown>;
  figures: Record<string, unknown>;
  items: number;
  created: string;
  current: boolean;
  total?: number;
  open?: number;
  findings?: Record<string, Count>;
  first?: Row[];
}

export interface EntryItem {
  row: Row | null;
  id: string;
  keep?: boolean;
  similarity?: number;
  distance?: number;
}

/** What is to decide: a group of duplicates, a pair, or an item. */
export interface Entry {
  key: number;
  finding: string;
  decision: string;
  items: EntryItem[];
  tag: string;
  suggested: string;
  score: number;
  exact: boolean;
  similarity: number;
  distance: number;
}

export interface Listed {
  list: string;
  total: number;
  findings: Record<string, Count>;
}

export interface Cluster {
  cluster: number;
  items: number;
  name: string;
  tags: { tag: string; items: number }[];
  purity: number | null;
  middle: (Row | null)[];
}

export interface Compared {
  p: number;
  tests: { name: string; p: number; figure: number }[];
  items: [number, number];
  tags: { tag: string; share_a: number; share_b: number }[];
  typical: { a: Row[]; b: Row[] };
  created: string;
  current: boolean;
}

/** What a comparison is of, each KIND:VALUE. */
export interface Sides {
  a: string;
  b: string;
}

/** An answer of the server that is an error; `column` is the place of a fault in a filter. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly hint: string,
    readonly status: number,
    readonly column?: number,
  ) {
    super(message);
  }
}

type Values = Record<string, string | number | boolean | null | undefined>;

function address(path: string, values: Values): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null && value !== "") given.set(name, String(value));
  }
  const query = given.toString();
  return query ? `api/${path}?${query}` : `api/${path}`;
}

async function answered<T>(request: Promise<Response>): Promise<T> {
  let response: Response;
  try {
    response = await request;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused("the server does not answer", "see that `hamsight explore` still runs", 0);
  }
  const content = await response.json();
  if (response.ok) return content as T;
  throw new Refused(content.error ?? response.statusText, content.hint ?? "", response.status, content.column);
}

export function get<T>(path: string, values: Values = {}, signal?: AbortSignal): Promise<T> {
  return answered<T>(fetch(address(path, values), { signal }));
}

/** Return the bytes of an answer. */
export async function bytes(path: string, values: Values, signal?: AbortSignal): Promise<ArrayBuffer> {
  let response: Response;
  try {
    response = await fetch(address(path, values), { signal });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused("the server does not answer", "see that `hamsight explore` still runs", 0);
  }
  return response.ok ? response.arrayBuffer() : answered<ArrayBuffer>(Promise.resolve(response));
}

export async function colours(values: Values, signal?: AbortSignal): Promise<Colours> {
  const content = new Uint8Array(await bytes("maps/color", values, signal));
  const end = content.indexOf(10);
  const told = JSON.parse(new TextDecoder().decode(content.subarray(0, end))) as Omit<Colours, "codes">;
  return { ...told, codes: content.slice(end + 1) };
}

export function post<T>(path: string, content: object, signal?: AbortSignal): Promise<T> {
  const headers = { "content-type": "application/json" };
  return answered<T>(fetch(`api/${path}`, { method: "POST", headers, body: JSON.stringify(content), signal }));
}

export function upload(file: Blob, name: string): Promise<Upload> {
  const headers = { "content-type": "application/octet-stream", "x-file-name": encodeURIComponent(name) };
  return answered<Upload>(fetch("api/uploads", { method: "POST", headers, body: file }));
}

export function thumbnail(row: Row, size: number, model: string): string {
  return address("thumb", { number: row.number, size, version: row.version, model });
}

export function picture(row: Row, model: string): string {
  return address("picture", { number: row.number, version: row.version, model });
}

export function uploaded(key: string): string {
  return address("uploaded", { key });
}
