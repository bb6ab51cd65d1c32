// The classifier of the page: begun from words, taught by marks, asked for three lists.

import * as api from "./api";
import type { Row } from "./api";
import { explorer } from "./explorer.svelte";
import { toasts } from "./toasts.svelte";

export type Order = "likely" | "unsure" | "nearest-wrong";
export type Mark = "right" | "wrong";

export const ORDERS: [Order, string][] = [
  ["likely", "Most likely"],
  ["unsure", "Least sure"],
  ["nearest-wrong", "Nearest wrong"],
];
const STEP = 48;
const MOST = 192;

interface Begun {
  classifier: string;
  words: string;
  right: number;
  wrong: number;
}

interface Lists {
  rows: Row[];
  right: Row[];
  wrong: Row[];
}

class ClassifierState {
  words = $state("");
  begun = $state<Begun | null>(null);
  order = $state<Order>("likely");
  lists = $state.raw<Lists>({ rows: [], right: [], wrong: [] });
  /** Marks that it has not learned from yet, by number. */
  marks = $state.raw<ReadonlyMap<number, Mark>>(new Map());
  rounds = $state(0);
  cursor = $state(0);
  busy = $state(false);
  /** Milliseconds that the last refit and its list took. */
  took = $state(0);
  private count = STEP;

  readonly hasMore = $derived(this.lists.rows.length >= this.count && this.count < MOST);

  /** Begin from words; with `selected` also from the pictures that are selected, which are right. */
  async begin(selected = false): Promise<void> {
    await this.working(async () => {
      const given = { words: this.words || null, page: selected ? explorer.page : null, model: explorer.model || null };
      this.begun = await api.post<Begun>("classifier", given);
      this.rounds = 0;
      this.order = "likely";
      this.marks = new Map();
      await this.load();
    });
  }

  async choose(order: Order): Promise<void> {
    const former = this.order;
    this.order = order;
    this.count = STEP;
    await this.working(async () => {
      try {
        await this.learn();
      } catch (error) {
        this.order = former;
        throw error;
      }
    });
  }

  async more(): Promise<void> {
    this.count = Math.min(MOST, this.count + STEP);
    await this.working(() => this.load());
  }

  /** Mark a picture; the same mark again takes it back. */
  mark(row: Row, mark: Mark): void {
    const marks = new Map(this.marks);
    if (marks.get(row.number) === mark) marks.delete(row.number);
    else marks.set(row.number, mark);
    this.marks = marks;
  }

  /** Learn from the marks, and ask again. */
  async refit(): Promise<void> {
    await this.working(() => this.learn());
  }

  /** Take a learned mark back. */
  async forget(row: Row): Promise<void> {
    await this.working(async () => {
      await this.send({ neither: [row.number] });
      await this.load();
    });
  }

  async save(name: string, replace: boolean): Promise<boolean> {
    return this.working(async () => {
      await this.learn();
      await api.post("classifier/save", { classifier: this.begun?.classifier, name, replace });
      toasts.say(`saved ${name}: hamsight run ${name} repeats it`);
    });
  }

  private async learn(): Promise<void> {
    const begun = performance.now();
    const of = (wanted: Mark) => [...this.marks].filter(([, mark]) => mark === wanted).map(([number]) => number);
    if (this.marks.size) {
      await this.send({ right: of("right"), wrong: of("wrong") });
      this.rounds += 1;
      this.marks = new Map();
    }
    await this.load();
    this.took = performance.now() - begun;
  }

  private async send(marks: object): Promise<void> {
    const counts = await api.post<Begun>("classifier/mark", { classifier: this.begun?.classifier, ...marks });
    if (this.begun) this.begun = { ...this.begun, ...counts };
  }

  private async load(): Promise<void> {
    const values = { classifier: this.begun?.classifier, order: this.order, count: this.count };
    this.lists = await api.get<Lists>("classifier", values);
    this.cursor = Math.min(this.cursor, Math.max(0, this.lists.rows.length - 1));
  }

  private async working(act: () => Promise<void>): Promise<boolean> {
    this.busy = true;
    try {
      await act();
      return true;
    } catch (error) {
      if (error instanceof api.Refused && error.message.includes("begin again")) this.begun = null;
      toasts.fail(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}

export const classifier = new ClassifierState();
