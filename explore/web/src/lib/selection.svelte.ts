// Which pictures a page has selected. The server keeps the selection; here are its size and what changes it.

import * as api from "./api";
import type { Result } from "./api";
import { CHUNK } from "./rows.svelte";
import type { RowChunks } from "./rows.svelte";
import { toasts } from "./toasts.svelte";

/** Rows of a range that are marked before the server answers, at most. */
const MARKED = 50 * CHUNK;

export interface Pictures {
  /** The key by which the server knows the page. */
  readonly page: string;
  readonly result: Result | null;
  readonly rows: RowChunks;
  cursor: number;
  /** Rises when items or the selection change. */
  revision: number;
  refresh(): Promise<void>;
}

export class Selection {
  count = $state(0);
  /** The place from which a range goes. */
  anchor = 0;
  private before = Promise.resolve();

  constructor(private readonly pictures: Pictures) {}

  async toggle(position: number): Promise<void> {
    const { rows } = this.pictures;
    const row = rows.at(position);
    if (!row) return;
    this.pictures.cursor = this.anchor = position;
    const adds = !rows.picked.has(row.number);
    rows.mark(row.number, adds);
    await this.change({ operation: adds ? "add" : "remove", items: [row.number] });
  }

  /** Select from the last toggled or visited place to this. */
  async extend(position: number): Promise<void> {
    const { rows, result } = this.pictures;
    const [from, last] = [Math.min(this.anchor, position), Math.max(this.anchor, position)];
    this.pictures.cursor = position;
    for (let at = from; at <= last; at += 1) {
      const row = rows.at(at);
      if (row) rows.mark(row.number, true);
      else if (at - from > MARKED) break;
    }
    await this.change({ operation: "add", result: result?.result, from, to: last + 1 });
  }

  async all(): Promise<void> {
    this.pictures.rows.markAll();
    await this.change({ operation: "add", result: this.pictures.result?.result });
  }

  async none(): Promise<void> {
    this.pictures.rows.picked.clear();
    await this.change({ operation: "none" });
  }

  /** Make changes one after the other: the server takes requests side by side. */
  private change(change: object): Promise<void> {
    const { rows } = this.pictures;
    rows.beginChange();
    this.before = this.before.then(() => this.send(change)).finally(() => rows.endChange());
    return this.before;
  }

  private async send(change: object): Promise<void> {
    try {
      const answer = await api.post<{ selected: number }>("selection", { page: this.pictures.page, ...change });
      this.count = answer.selected;
      this.pictures.revision += 1;
    } catch (error) {
      toasts.fail(error);
      await this.pictures.refresh();
    }
  }
}
