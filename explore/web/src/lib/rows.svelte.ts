// The rows of the view that are near what is shown, fetched in chunks, and which of them are selected.

import { SvelteMap, SvelteSet } from "svelte/reactivity";

import * as api from "./api";
import type { Result, Row, Rows } from "./api";
import { toasts } from "./toasts.svelte";

export const CHUNK = 100;
const KEPT_CHUNKS = 30;
const SETTLED = 60;

export interface Shown {
  /** The key by which the server knows the page. */
  readonly page: string;
  readonly result: Result | null;
  readonly total: number;
  /** Rows have come. */
  got(rows: Rows): void;
  /** The server does not keep the answer any more. */
  gone(): void;
}

export class RowChunks {
  readonly chunks = new SvelteMap<number, (Row | null)[]>();
  readonly picked = new SvelteSet<number>();

  private wanted = new Set<number>();
  private fetching = new Map<number, AbortController>();
  private settled = 0;
  /** Changes of the selection that have begun, and those of them that have not ended. */
  private changes = 0;
  private changing = 0;
  /** Chunks that were read while the selection changed, so that their marks may be old. */
  private unsure = new Set<number>();

  constructor(private readonly shown: Shown) {}

  at(position: number): Row | null | undefined {
    return this.chunks.get(Math.floor(position / CHUNK))?.[position % CHUNK];
  }

  /** Fetch the rows of places that are shown now, when the view has come to rest. */
  want(first: number, last: number): void {
    this.wanted.clear();
    const end = Math.floor(Math.min(last, this.shown.total - 1) / CHUNK);
    for (let chunk = Math.floor(first / CHUNK); chunk <= end; chunk += 1) this.wanted.add(chunk);
    for (const chunk of this.fetching.keys()) if (!this.wanted.has(chunk)) this.giveUp(chunk);
    const missing = [...this.wanted].some((chunk) => !this.chunks.has(chunk));
    clearTimeout(this.settled);
    if (!missing) return;
    if (this.chunks.size === 0) this.fetchWanted();
    else this.settled = window.setTimeout(() => this.fetchWanted(), SETTLED);
  }

  async fetch(position: number): Promise<Row | null | undefined> {
    if (position < 0 || position >= this.shown.total) return undefined;
    const known = this.at(position);
    if (known !== undefined) return known;
    await this.fetchChunk(Math.floor(position / CHUNK));
    return this.at(position);
  }

  mark(number: number, selected: boolean): void {
    if (selected) this.picked.add(number);
    else this.picked.delete(number);
  }

  markAll(): void {
    for (const rows of this.chunks.values()) for (const row of rows) if (row) this.mark(row.number, true);
  }

  /** A change of the selection begins: what rows that come meanwhile say of it does not count. */
  beginChange(): void {
    this.changes += 1;
    this.changing += 1;
  }

  endChange(): void {
    this.changing -= 1;
    if (this.changing > 0) return;
    const again = [...this.unsure].filter((chunk) => this.chunks.has(chunk));
    this.unsure.clear();
    for (const chunk of again) void this.fetchChunk(chunk);
  }

  /** Read the rows that are held again, as something about them has changed. */
  async refresh(): Promise<void> {
    await Promise.all([...this.chunks.keys()].map((chunk) => this.fetchChunk(chunk)));
  }

  /** Let go of all rows, as another answer is shown. */
  forget(): void {
    for (const chunk of this.fetching.keys()) this.giveUp(chunk);
    this.chunks.clear();
    this.picked.clear();
    this.unsure.clear();
  }

  /** End a request, so that the chunk can be asked for at once. */
  private giveUp(chunk: number): void {
    this.fetching.get(chunk)?.abort();
    this.fetching.delete(chunk);
  }

  private fetchWanted(): void {
    for (const chunk of this.wanted) {
      if (!this.chunks.has(chunk) && !this.fetching.has(chunk)) void this.fetchChunk(chunk);
    }
  }

  private async fetchChunk(chunk: number): Promise<void> {
    const result = this.shown.result;
    if (!result) return;
    const request = new AbortController();
    const changes = this.changes;
    this.fetching.set(chunk, request);
    try {
      const place = { result: result.result, from: chunk * CHUNK, count: CHUNK, page: this.shown.page };
      const got = await api.get<Rows>("rows", place, request.signal);
      if (this.shown.result !== result) return;
      this.chunks.set(chunk, got.rows);
      if (this.changing > 0) this.unsure.add(chunk);
      else if (this.changes !== changes) void this.fetchChunk(chunk);
      else for (const row of got.rows) if (row) this.mark(row.number, row.selected === true);
      this.shown.got(got);
      this.dropChunks();
    } catch (error) {
      if (error instanceof DOMException) return;
      if (error instanceof api.Refused && error.status === 409 && this.shown.result === result) this.shown.gone();
      else toasts.fail(error);
    } finally {
      if (this.fetching.get(chunk) === request) this.fetching.delete(chunk);
    }
  }

  private dropChunks(): void {
    for (const chunk of this.chunks.keys()) {
      if (this.chunks.size <= KEPT_CHUNKS) return;
      if (this.wanted.has(chunk)) continue;
      for (const row of this.chunks.get(chunk) ?? []) if (row) this.picked.delete(row.number);
      this.chunks.delete(chunk);
    }
  }
}
