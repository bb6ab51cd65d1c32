// The page's state and what can be done with it. Parts read it and call its methods.

import * as api from "./api";
import type { Catalog, Change, Job, Result, Row, Rows, SavedQuery } from "./api";
import { addressOf, placeOf } from "./address";
import { grid } from "./grid.svelte";
import { Jobs } from "./jobs.svelte";
import { RowChunks } from "./rows.svelte";
import type { Asked, Screen } from "./screens";
import { Selection } from "./selection.svelte";
import { toasts } from "./toasts.svelte";
import { emptyView, fromRequest, newQuery, toRequest } from "./view";
import type { Field, Lasso, Query, Region, View } from "./view";

export type Dialog = "group" | "status" | "attribute" | "export" | "delete" | "help" | "sql" | "saved" | "about" | "look" | null;

/** Queries that a search has at most. */
export const MOST_QUERIES = 20;

function nameOf(row: Row): string {
  return [row.dataset, row.subset, row.id].join("/");
}

function pageKey(): string {
  const kept = sessionStorage.getItem("page");
  if (kept) return kept;
  const made = crypto.randomUUID();
  sessionStorage.setItem("page", made);
  return made;
}

export class Explorer {
  readonly page = pageKey();
  catalog = $state<Catalog | null>(null);
  view = $state<View>(emptyView());
  result = $state<Result | null>(null);
  total = $state(0);
  /** Rises when another view is answered. */
  fresh = $state(0);
  cursor = $state(0);
  opened = $state<number | null>(null);
  /** The name of the map that is shown, "latest" for the last, "" without a map. */
  map = $state("");
  /** Whether the next query joins those that are searched by. */
  adds = $state(false);
  dialog = $state<Dialog>(null);
  busy = $state(false);
  error = $state<api.Refused | null>(null);
  /** The screen that is shown, "" for the pictures. */
  screen = $state<Screen>("");
  /** What the screen asks besides the view. */
  asked = $state<Asked>({});
  /** Rises when items or the selection change, for what counts them. */
  revision = $state(0);
  /** Groups by the keys 1 to 9. */
  palette = $state<string[]>([]);

  readonly rows = new RowChunks(this);
  readonly selection = new Selection(this);
  readonly jobs = new Jobs({
    ended: (job) => this.ended(job),
    version: (version) => this.atVersion(version),
  });

  private asking: AbortController | null = null;
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
      toasts.fail(error);
    }
  }

  // --- what is asked

  /** Ask the view; `again` where what is shown may have changed, which keeps the places of cursor and range. */
  async ask(remember = true, again = false): Promise<void> {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    this.busy = true;
    if (remember) {
      this.screen = "";
      this.writeAddress(false, null);
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
      const last = Math.max(0, result.total - 1);
      this.cursor = Math.min(this.opened ?? (again ? this.cursor : 0), last);
      this.selection.anchor = again ? Math.min(this.selection.anchor, last) : this.cursor;
      if (!again) this.fresh += 1;
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
    this.change({ ...emptyView(), model: this.view.model, sql });
  }

  showSaved(saved: SavedQuery): void {
    if (!saved.view) return;
    this.change(fromRequest(saved.view));
  }

  async save(name: string, replace: boolean): Promise<boolean> {
    try {
      await api.post("saved", { name, replace, view: toRequest(this.view) });
      toasts.say(`saved ${name}: hamsight run ${name} repeats it`);
      return true;
    } catch (error) {
      toasts.fail(error);
      return false;
    }
  }

  /** Change what is asked, and ask. */
  change(part: Partial<View>): void {
    this.view = { ...this.view, ...part };
    void this.ask();
  }

  /** Search by queries; a cut-off was for others. */
  setQueries(queries: Query[]): void {
    this.adds = false;
    this.change({ sql: "", queries, least: null });
  }

  /** Search by a query: by it alone, or, where queries are being added, by it too. */
  addQuery(query: Query, adds = this.adds): void {
    this.setQueries(adds ? [...this.view.queries, query] : [query]);
  }

  changeQuery(index: number, part: Partial<Query>): void {
    this.setQueries(this.view.queries.map((query, at) => (at === index ? { ...query, ...part } : query)));
  }

  async searchPicture(file: Blob, name: string): Promise<void> {
    try {
      const sent = await api.upload(file, name);
      this.addQuery(newQuery("upload", sent.upload));
    } catch (error) {
      toasts.fail(error);
    }
  }

  /** Search by the pictures that are selected. */
  async similarToSelected(): Promise<void> {
    try {
      const { rows } = await api.get<{ rows: Row[] }>("selected", { page: this.page, model: this.model, limit: MOST_QUERIES });
      this.setQueries(rows.map((row) => newQuery("item", nameOf(row))));
    } catch (error) {
      toasts.fail(error);
    }
  }

  /** Search by a stored picture or a part of it; with `adds`, by what was searched for too. */
  similar(row: Row, box: Region | null = null, weight = 1, adds = this.adds): void {
    this.addQuery(newQuery("item", nameOf(row), box, weight), adds);
  }

  setFilter(field: Field, value: string, state: "include" | "exclude" | "neutral"): void {
    const others = this.view.filters.filter((one) => one.field !== field || one.value !== value);
    const kept = state === "neutral" ? [] : [{ field, value, excluded: state === "exclude" }];
    this.change({ sql: "", filters: [...others, ...kept] });
  }

  /** Keep to a part of a map, or let go of it. */
  setLasso(lasso: Lasso | null): void {
    this.change({ sql: "", lasso });
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
      if (place === null) toasts.say("this picture is not in the view");
      else {
        this.open(place);
        grid.show(place);
      }
    } catch (error) {
      toasts.fail(error);
    }
  }

  clearView(): void {
    const { model, models } = this.view;
    this.change({ ...emptyView(), model, models });
  }

  /** Read the rows that are held again, as something about them has changed. */
  async refresh(): Promise<void> {
    this.revision += 1;
    await this.rows.refresh();
  }

  got(rows: Rows): void {
    this.total = rows.total;
    this.selection.count = rows.selected;
  }

  gone(): void {
    void this.ask(false, true);
  }

  moveTo(position: number, keepAnchor = false): void {
    this.cursor = Math.max(0, Math.min(position, this.total - 1));
    if (!keepAnchor) this.selection.anchor = this.cursor;
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
      toasts.fail(error);
      return false;
    }
  }

  /** Say what was changed, and show it. */
  async applied(done: Change, items: boolean): Promise<void> {
    this.version = done.version;
    toasts.say(done.changed ? done.label : "nothing to change: all are so already", { undo: done.undo !== null });
    await this.changed(items);
  }

  /** Begin an analysis. */
  async analyze(given: object): Promise<void> {
    try {
      const asked = { model: this.model || null, ...given };
      this.jobs.begun(await api.post<Job>("analyze", asked));
    } catch (error) {
      toasts.fail(error);
    }
  }

  async exportTo(given: object): Promise<boolean> {
    try {
      this.jobs.begun(await api.post<Job>("actions", { page: this.page, action: "export", ...given }));
      return true;
    } catch (error) {
      toasts.fail(error);
      return false;
    }
  }

  async undo(): Promise<void> {
    try {
      const done = await api.post<{ undone: string; version: number }>("undo", {});
      this.version = done.version;
      toasts.say(`undone: ${done.undone}`);
      await this.changed(true);
    } catch (error) {
      toasts.fail(error);
    }
  }

  private async changed(items: boolean): Promise<void> {
    void this.loadCatalog();
    if (items || this.view.filters.length || this.view.where) await this.ask(false, true);
    else await this.refresh();
  }

  private ended(job: Job): void {
    if (job.state === "cancelled") toasts.say(`cancelled: ${job.label}`);
    else if (job.message) toasts.say(job.message, { bad: job.state === "failed" });
    this.revision += 1;
  }

  private atVersion(version: number): void {
    if (version === this.version) return;
    this.version = version;
    void this.changed(false);
  }

  private readAddress(): void {
    Object.assign(this, placeOf(location.search));
  }

  /** Write what is shown into the address: as another page of the history, or in place of this. */
  private writeAddress(replace = false, opened = this.opened): void {
    const { view, screen, asked, map } = this;
    const address = addressOf({ view, screen, asked, map, opened });
    if (replace) history.replaceState(null, "", address || location.pathname);
    else if (address !== location.search) history.pushState(null, "", address || location.pathname);
  }
}

export const explorer = new Explorer();
