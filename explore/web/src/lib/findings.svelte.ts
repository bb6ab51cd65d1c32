// A list of findings: what it holds, where one is in it, and what is decided.

import { SvelteMap, SvelteSet } from "svelte/reactivity";

import * as api from "./api";
import type { Change, Entry, Kind, Listed, Shown } from "./api";
import { explorer } from "./explorer.svelte";
import { toasts } from "./toasts.svelte";

const CHUNK = 50;

export type Decision = "keep" | "ignore" | "group" | "delete" | "relabel" | "move" | "reconsider";

export interface Choice {
  decision: Decision;
  key: string;
  said: string;
}

const GROUP: Choice = { decision: "group", key: "g", said: "Group" };
const IGNORE: Choice = { decision: "ignore", key: "i", said: "Ignore" };
const DELETE: Choice = { decision: "delete", key: "d", said: "Delete" };
const AGAIN: Choice = { decision: "reconsider", key: "c", said: "Reconsider" };

/** What can be decided about a kind of findings, with its key. */
export const CHOICES: Record<Kind, Choice[]> = {
  duplicates: [
    { ...DELETE, said: "Keep best, delete the rest" },
    { decision: "keep", key: "k", said: "Keep all" },
    { ...GROUP, said: "Group the rest" },
    AGAIN,
  ],
  leaks: [{ decision: "move", key: "t", said: "Move to" }, { decision: "keep", key: "k", said: "Keep both" }, { ...GROUP, said: "Group both" }, AGAIN],
  mislabelled: [{ decision: "relabel", key: "r", said: "Relabel" }, IGNORE, GROUP, AGAIN],
  outliers: [IGNORE, GROUP, DELETE, AGAIN],
  quality: [IGNORE, GROUP, DELETE, AGAIN],
};

export class FindingList {
  kind = $state<Kind>("duplicates");
  listed = $state<Listed | null>(null);
  cursor = $state(0);
  /** The group that items are put into. */
  group = $state("");
  /** The subset that leaks move to. */
  subset = $state("train");
  /** Whether all of the list is marked, beyond those of `marked`. */
  all = $state(false);
  busy = $state(false);
  /** Rises when another list is opened. */
  fresh = $state(0);
  /** What waits for a yes: how many entries would be deleted. */
  confirming = $state(0);
  readonly marked = new SvelteSet<number>();
  /** Pictures to keep of groups where someone chose, by the group's key. */
  readonly kept = new SvelteMap<number, number[]>();
  readonly chunks = new SvelteMap<number, Entry[]>();

  private fetching = new Set<number>();
  /** Chunks that were read since the list was opened last. */
  private current = new Set<number>();
  private opening = 0;

  readonly total = $derived(this.listed?.total ?? 0);
  readonly marks = $derived(this.all ? this.total : this.marked.size);

  /** Open the list of an analysis, or read it again. */
  async open(kind: Kind, analysis: string, finding: string | null, show: Shown, again: boolean): Promise<void> {
    const opening = (this.opening += 1);
    if (!again) {
      this.kind = kind;
      this.listed = null;
      this.chunks.clear();
      this.cursor = 0;
      this.clearMarks();
      this.kept.clear();
      this.fresh += 1;
    }
    try {
      const listed = await api.post<Listed>("findings", { analysis, finding, show });
      if (opening !== this.opening) return;
      this.listed = listed;
      this.cursor = Math.max(0, Math.min(this.cursor, listed.total - 1));
      // what is shown stays until it is read again
      this.fetching.clear();
      this.current.clear();
    } catch (error) {
      toasts.fail(error);
    }
  }

  entry(position: number): Entry | undefined {
    return this.chunks.get(Math.floor(position / CHUNK))?.[position % CHUNK];
  }

  async want(first: number, last: number): Promise<void> {
    const listed = this.listed;
    if (!listed) return;
    const end = Math.floor(Math.min(last, listed.total - 1) / CHUNK);
    for (let chunk = Math.floor(first / CHUNK); chunk <= end; chunk += 1) {
      if (this.current.has(chunk) || this.fetching.has(chunk)) continue;
      this.fetching.add(chunk);
      try {
        const given = { list: listed.list, from: chunk * CHUNK, count: CHUNK };
        const got = await api.get<{ entries: Entry[] }>("findings", given);
        if (this.listed !== listed) return;
        this.chunks.set(chunk, got.entries);
        this.current.add(chunk);
      } catch (error) {
        toasts.fail(error);
      }
    }
  }

  mark(position: number): void {
    const entry = this.entry(position);
    if (!entry) return;
    this.cursor = position;
    this.all = false;
    if (!this.marked.delete(entry.key)) this.marked.add(entry.key);
  }

  clearMarks(): void {
    this.marked.clear();
    this.all = false;
    this.confirming = 0;
  }

  isKept(entry: Entry, number: number): boolean {
    const chosen = this.kept.get(entry.key);
    return chosen ? chosen.includes(number) : entry.items.some((item) => item.row?.number === number && item.keep);
  }

  toggleKept(entry: Entry, number: number): void {
    const now = entry.items.flatMap((item) => (item.row && this.isKept(entry, item.row.number) ? [item.row.number] : []));
    const next = now.includes(number) ? now.filter((one) => one !== number) : [...now, number];
    if (next.length) this.kept.set(entry.key, next);
  }

  /** Decide the marked entries, or the one at the cursor; deleting of several waits for a yes. */
  async decide(decision: Decision, position = this.cursor, confirmed = false): Promise<void> {
    if (!this.listed || !explorer.canWrite || this.busy) return;
    const entry = this.entry(position);
    const count = this.marks || (entry ? 1 : 0);
    if (!count) return;
    if (decision === "delete" && count > 1 && !confirmed) {
      this.confirming = count;
      return;
    }
    this.confirming = 0;
    const group = this.group.trim() || (entry?.finding ?? this.kind);
    const name = decision === "group" ? group : decision === "move" ? this.subset.trim() : "";
    const about = this.marks ? { all: this.all, keys: this.all ? [] : [...this.marked] } : { keys: [entry?.key] };
    this.busy = true;
    try {
      const asked = { list: this.listed.list, decision, name, kept: [...this.kept.values()].flat(), ...about };
      const done = await api.post<Change>("decide", { ...asked, confirmed: count });
      this.clearMarks();
      // nobody decides an entry that is gone
      this.chunks.clear();
      await explorer.applied(done, decision === "delete");
    } catch (error) {
      toasts.fail(error);
    } finally {
      this.busy = false;
    }
  }
}

export const findings = new FindingList();
