// What the page says of what was done or went wrong, for some seconds.

import { Refused } from "./api";

const SHORTEST = 6000;

export interface Toast {
  key: number;
  text: string;
  bad: boolean;
  undo: boolean;
}

class Toasts {
  all = $state<Toast[]>([]);
  private keys = 0;

  say(text: string, { bad = false, undo = false } = {}): void {
    const key = (this.keys += 1);
    const others = this.all.filter((toast) => toast.text !== text);
    this.all = [...others, { key, text, bad, undo }].slice(-4);
    setTimeout(() => this.dismiss(key), SHORTEST + text.length * 40);
  }

  dismiss(key: number): void {
    this.all = this.all.filter((toast) => toast.key !== key);
  }

  /** Say what the server refused; a request that the page gave up is no fault, and any other error is thrown. */
  fail(error: unknown): void {
    if (error instanceof DOMException) return;
    if (!(error instanceof Refused)) throw error;
    this.say(error.hint ? `${error.message}: ${error.hint}` : error.message, { bad: true });
  }
}

export const toasts = new Toasts();
