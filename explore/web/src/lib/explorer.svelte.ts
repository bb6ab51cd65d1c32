// The page's state and what can be done with it. Parts read it and call its methods.

import * as api from "./api";
import type { Catalog, Change, Job, Result, Row, Rows, SavedQuery } from "./api";
import { grid } from "./grid.svelte";
import { Jobs } from "./jobs.svelte";
import { CHUNK, RowChunks } from "./rows.svelte";
import { askedIn, screenAddress, screenOf } from "./screens";
import type { Asked, Screen } from "./screens";
import { emptyView, fromAddress, fromRequest, newQuery, toAddress, toRequest } from "./view";
import type { Combine, Field, Lasso, Query, Region, View } from "./view";

const SHORTEST_TOAST = 6000;

export type Dialog = "group" | "status" | "attribute" | "export" | "delete" | "help" | "sql" | "saved" | "about" | "look" | null;

export interface Toast {
  key: number;
  text: string;
  bad: boolean;
  undo: boolean;
}

function pageKey(): string {
  const kept = sessionStorage.getItem("page");
  if (kept) return kept;
  const made = crypto.randomUUID();
  sessionStorage.setItem("page", made);
  return made;
}

function remembered(name: string, otherwise: number): number {
  const kept = Number(localStorage.getItem(name));
  return kept > 0 ? kept : otherwise;
}

export class Explorer {
  readonly page = pageKey();
  catalog = $state<Catalog | null>(null);
  view = $state<View>(emptyView());
  result = $state<Result | null>(null);
  total = $state(0);
  selected = $state(0);
  cursor = $state(0);
  opened = $state<number | null>(null);
  size = $state(remembered("size", 176));
  showsBoxes = $state(localStorage.getItem("boxes") !== "no");
  /** The name of the map that is shown, "latest" for the last, "" without a map. */
  map = $state("");
  showsFilters = $state(localStorage.getItem("filters") !== "no");
  /** Whether the next query joins those that are searched by. */
  adds = $state(false);
  dialog = $state<Dialog>(null);
  busy = $state(false);
  error = $state<api.Refused | null>(null);
  toasts = $state<Toast[]>([]);
  /** The screen that is shown, "" for the pictures. */
  screen = $state<Screen>("");
  /** What the screen asks besides the view. */
  asked = $state<Asked>({});
  /** Rises when items or the selection change, for what counts them. */
  revision = $state(0);
  /** Groups by the keys 1 to 9. */
  palette = $state<string[]>([]);

  readonly rows = new RowChunks(this);
  readonly jobs = new Jobs({
    ended: (job) => this.ended(job),
    version: (version) => this.atVersion(version),
    fail: (error) => this.fail(error),
  });

  private asking: AbortController | null = null;
  private anchor = 0;
  private toastKeys = 0;
  private version = 0;

  readonly model = $derived(this.result?.model ?? "");
  readonly canWrite = $derived(this.catalog !== null && !this.catalog.readOnly);

  async start(): Promise<void> {
    this.readAddress();
    window.addEventListener("popstate", () => {
      this.readAddress();
      void this.ask(false);
    });
    window.addEventListener("focus", () => void this.jobs.refresh());
    const catalog = this.loadCatalog();
    await this.ask(false);
    await catalog;
    await this.jobs.refresh();
  }

  go(screen: Screen, asked: Asked = {}): void {
    this.screen = screen;
    this.asked = asked;
    this.opened = null;
    this.writeAddress();
  }

  async loadCatalog(): Promise<void> {
    try {
      this.catalog = await api.get<Catalog>("catalog");
      this.version = this.catalog.version;
    } catch (error) {
      this.fail(error);
    }
  }

  // --- what is asked

  async ask(remember = true): Promise<void> {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    this.busy = true;
    if (remember) {
      this.screen = "";
      this.writeAddress();
    }
    try {
      const { sql, model } = this.view;
      const result = sql
        ? await api.post<Result>("sql", { statement: sql, view: true, model: model || null }, asking.signal)
        : await api.post<Result>("search", toRequest(this.view), asking.signal);
      if (remember) this.opened = null;
      this.rows.forget();
      this.result = result;
      this.total = result.total;
      this.cursor = Math.min(this.opened ?? 0, Math.max(0, result.total - 1));
      this.anchor = this.cursor;
      this.error = null;
      this.revision += 1;
    } catch (error) {
      if (error instanceof DOMException) return;
      if (error instanceof api.Refused) this.error = error;
      else throw error;
    } finally {
      if (this.asking === asking) this.busy = false;
    }
  }

  /** Show the items that the answer to a statement names. */
  showSql(sql: string): void {
    this.view = { ...emptyView(), model: this.view.model, sql };
    void this.ask();
  }

  showSaved(saved: SavedQuery): void {
    if (!saved.view) return;
    this.view = fromRequest(saved.view);
    void this.ask();
  }

  async save(name: string, replace: boolean): Promise<boolean> {
    try {
      await api.post("saved", { name, replace, view: toRequest(this.view) });
      this.toast(`saved ${name}: hamsight run ${name} repeats it`);
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  /** Search by queries; a cut-off was for others. */
  setQueries(queries: Query[]): void {
    this.view.sql = "";
    this.view.queries = queries;
    this.view.least = null;
    this.adds = false;
    void this.ask();
  }

  /** Search by a query: by it alone, or, where queries are being added, by it too. */
  addQuery(query: Query, adds = this.adds): void {
    this.setQueries(adds ? [...this.view.queries, query] : [query]);
  }

  changeQuery(index: number, part: Partial<Query>): void {
    this.setQueries(this.view.queries.map((query, at) => (at === index ? { ...query, ...part } : query)));
  }

  removeQuery(index: number): void {
    this.setQueries(this.view.queries.filter((_, at) => at !== index));
  }

  setCombine(combine: Combine): void {
    this.view.combine = combine;
    void this.ask();
  }

  /** Leave out pictures that are less similar. */
  setLeast(least: number | null): void {
    this.view.least = least;
    void this.ask();
  }

  async searchPicture(file: Blob, name: string): Promise<void> {
    try {
      const sent = await api.upload(file, name);
      this.addQuery(newQuery("upload", sent.upload));
    } catch (error) {
      this.fail(error);
    }
  }

  /** Search by a stored picture or a part of it; with `adds`, by what was searched for too. */
  similar(row: Row, box: Region | null = null, weight = 1, adds = this.adds): void {
    this.addQuery(newQuery("item", [row.dataset, row.subset, row.id].join("/"), box, weight), adds);
  }

  setFilter(field: Field, value: string, state: "include" | "exclude" | "neutral"): void {
    this.view.sql = "";
    const others = this.view.filters.filter((one) => one.field !== field || one.value !== value);
    const kept = state === "neutral" ? [] : [{ field, value, excluded: state === "exclude" }];
    this.view.filters = [...others, ...kept];
    void this.ask();
  }

  setWhere(where: string): void {
    this.view.sql = "";
    this.view.where = where.trim();
    void this.ask();
  }

  setSort(sort: string, descending: boolean): void {
    this.view.sort = sort;
    this.view.descending = descending;
    void this.ask();
  }

  /** Keep to a part of a map, or let go of it. */
  setLasso(lasso: Lasso | null): void {
    this.view.sql = "";
    this.view.lasso = lasso;
    void this.ask();
  }

  showMap(map: string): void {
    this.map = map;
    this.writeAddress();
    if (!map && this.view.lasso) this.setLasso(null);
  }

  /** Open a picture by its number, where the view has it. */
  async openNumber(number: number): Promise<void> {
    try {
      const { place } = await api.get<{ place: number | null }>("place", { result: this.result?.result, number });
      if (place === null) this.toast("this picture is not in the view");
      else {
        this.open(place);
        grid.show(place);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  clearView(): void {
    this.view = { ...emptyView(), model: this.view.model };
    void this.ask();
  }

  /** Read the rows that are held again, as something about them has changed. */
  async refresh(): Promise<void> {
    this.revision += 1;
    await this.rows.refresh();
  }

  got(rows: Rows): void {
    this.total = rows.total;
    this.selected = rows.selected;
  }

  gone(): void {
    void this.ask(false);
  }

  // --- selection

  private async select(change: object): Promise<void> {
    try {
      const answer = await api.post<{ selected: number }>("selection", { page: this.page, ...change });
      this.selected = answer.selected;
      this.revision += 1;
    } catch (error) {
      this.fail(error);
      await this.refresh();
    }
  }

  async toggle(position: number): Promise<void> {
    const row = this.rows.at(position);
    if (!row) return;
    this.cursor = this.anchor = position;
    const adds = !this.rows.picked.has(row.number);
    this.rows.mark(row.number, adds);
    await this.select({ operation: adds ? "add" : "remove", items: [row.number] });
  }

  /** Select from the last toggled or visited place to this. */
  async extend(position: number): Promise<void> {
    const [from, last] = [Math.min(this.anchor, position), Math.max(this.anchor, position)];
    this.cursor = position;
    for (let at = from; at <= last; at += 1) {
      const row = this.rows.at(at);
      if (row) this.rows.mark(row.number, true);
      else if (at - from > 50 * CHUNK) break;
    }
    await this.select({ operation: "add", result: this.result?.result, from, to: last + 1 });
  }

  async selectAll(): Promise<void> {
    this.rows.markAll();
    await this.select({ operation: "add", result: this.result?.result });
  }

  async selectNone(): Promise<void> {
    this.rows.picked.clear();
    await this.select({ operation: "none" });
  }

  moveTo(position: number, keepAnchor = false): void {
    this.cursor = Math.max(0, Math.min(position, this.total - 1));
    if (!keepAnchor) this.anchor = this.cursor;
  }

  // --- the item

  open(position: number | null): void {
    this.opened = position === null ? null : Math.max(0, Math.min(position, this.total - 1));
    if (this.opened !== null) this.moveTo(this.opened);
    this.writeAddress(true);
  }

  // --- changes

  async act(action: string, given: object = {}, items: number[] = []): Promise<boolean> {
    try {
      const done = await api.post<Change>("actions", { page: this.page, action, items, ...given });
      await this.applied(done, action === "delete");
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  /** Say what was changed, and show it. */
  async applied(done: Change, items: boolean): Promise<void> {
    this.version = done.version;
    this.toast(done.changed ? done.label : "nothing to change: all are so already", false, done.undo !== null);
    await this.changed(items);
  }

  /** Begin an analysis. */
  async analyze(given: object): Promise<void> {
    try {
      const asked = { model: this.model || null, ...given };
      this.jobs.begun(await api.post<Job>("analyze", asked));
    } catch (error) {
      this.fail(error);
    }
  }

  async exportTo(given: object): Promise<boolean> {
    try {
      this.jobs.begun(await api.post<Job>("actions", { page: this.page, action: "export", ...given }));
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  async undo(): Promise<void> {
    try {
      const done = await api.post<{ undone: string; version: number }>("undo", {});
      this.version = done.version;
      this.toast(`undone: ${done.undone}`);
      await this.changed(true);
    } catch (error) {
      this.fail(error);
    }
  }

  private async changed(items: boolean): Promise<void> {
    void this.loadCatalog();
    if (items || this.view.filters.length || this.view.where) await this.ask(false);
    else await this.refresh();
  }

  private ended(job: Job): void {
    if (job.state === "cancelled") this.toast(`cancelled: ${job.label}`);
    else if (job.message) this.toast(job.message, job.state === "failed");
    this.revision += 1;
  }

  private atVersion(version: number): void {
    if (version === this.version) return;
    this.version = version;
    void this.changed(false);
  }

  // --- what is said

  toast(text: string, bad = false, undo = false): void {
    const key = (this.toastKeys += 1);
    const others = this.toasts.filter((toast) => toast.text !== text);
    this.toasts = [...others, { key, text, bad, undo }].slice(-4);
    setTimeout(() => this.dismiss(key), SHORTEST_TOAST + text.length * 40);
  }

  dismiss(key: number): void {
    this.toasts = this.toasts.filter((toast) => toast.key !== key);
  }

  fail(error: unknown): void {
    if (error instanceof DOMException) return;
    if (!(error instanceof api.Refused)) throw error;
    this.toast(error.hint ? `${error.message}: ${error.hint}` : error.message, true);
  }

  remember(name: string, value: string): void {
    localStorage.setItem(name, value);
  }

  private readAddress(): void {
    this.view = fromAddress(location.search);
    const given = new URLSearchParams(location.search);
    this.screen = screenOf(given.get("screen"));
    this.asked = askedIn(given);
    this.map = given.get("map") ?? "";
    const item = given.get("item");
    this.opened = item && /^\d+$/.test(item) ? Number(item) : null;
  }

  private writeAddress(replace = false): void {
    const said = toAddress(this.view);
    const item = replace && this.opened !== null ? `item=${this.opened}` : "";
    const screen = screenAddress(this.screen, this.asked);
    const map = this.map && `map=${encodeURIComponent(this.map)}`;
    const search = [screen, said, map, item].filter(Boolean).join("&");
    const address = search ? `?${search}` : location.pathname;
    if (replace) history.replaceState(null, "", address);
    else if (`?${search}` !== (location.search || "?")) history.pushState(null, "", address);
  }
}

export const explorer = new Explorer();
