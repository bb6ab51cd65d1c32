// What keys do in a list of findings.

import { explorer } from "./explorer.svelte";
import { CHOICES, findings } from "./findings.svelte";
import { movedTo } from "./moves";

/** Do what a key says, and tell whether it says something; `reach` brings a place into sight. */
export function press(event: KeyboardEvent, columns: number, pageRows: number, reach: (position: number) => void): boolean {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a") {
    findings.all = true;
    return true;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const isPressing = (event.target as HTMLElement | null)?.closest("button, a, [type=checkbox]");
  if (isPressing && (event.key === "Enter" || event.key === " ")) return false;
  const to = movedTo(event.key, { at: findings.cursor, total: findings.total, columns, pageRows });
  if (to !== null) {
    if (event.shiftKey) {
      const [first, last] = [Math.min(findings.cursor, to), Math.max(findings.cursor, to)];
      for (let at = first; at <= last; at += 1) {
        const entry = findings.entry(at);
        if (entry) findings.marked.add(entry.key);
      }
    }
    findings.cursor = to;
    reach(to);
    return true;
  }
  if (event.key === " ") findings.mark(findings.cursor);
  else if (event.key === "Enter" && findings.entry(findings.cursor)) explorer.dialog = "look";
  else if (event.key === "Escape") {
    if (findings.confirming) findings.confirming = 0;
    else if (findings.marks) findings.clearMarks();
    else explorer.go("findings");
  } else {
    const choice = CHOICES[findings.kind].find((one) => one.key === event.key);
    if (!choice) return false;
    void findings.decide(choice.decision);
  }
  return true;
}
