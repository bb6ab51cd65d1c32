// The analyses whose findings stand in the catalog.

import * as api from "./api";
import type { Analysis } from "./api";
import { explorer } from "./explorer.svelte";
import { toasts } from "./toasts.svelte";

class Analyses {
  all = $state<Analysis[] | null>(null);

  async load(): Promise<void> {
    try {
      this.all = (await api.get<{ analyses: Analysis[] }>("analyses", { model: explorer.model })).analyses;
    } catch (error) {
      toasts.fail(error);
    }
  }

  /** Return the latest of a kind. */
  latest(kind: string): Analysis | undefined {
    return this.all?.find((one) => one.kind === kind);
  }
}

export const analyses = new Analyses();

/** Return of which items an analysis is. */
export function scopeOf(analysis: Analysis): string {
  const { dataset = [], subset = [], where } = analysis.scope;
  return [...dataset, ...subset, ...(where ? [where] : [])].join(", ") || "all pictures";
}
