// What keys do. None does anything while someone types, or while a dialog is open.

import { explorer } from "./explorer.svelte";
import { grid } from "./grid.svelte";
import { looks } from "./looks.svelte";
import { movedTo } from "./moves";
import { screenKeys } from "./screens";

/** Keys that mean the same on every screen. */
const EVERYWHERE = ["/", "?", "u"];
const TYPING = "input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]";

export const KEYS: [string, string][] = [
  ["/", "search"],
  ["Arrows, Page, Home, End", "go through the pictures"],
  ["Space", "select, or let go"],
  ["Shift + arrows, Shift + click", "select a range"],
  ["Ctrl + A", "select all of the view"],
  ["Enter", "open the picture"],
  ["p, n", "previous and next picture"],
  ["Esc", "close, then let go of the selection"],
  ["s", "similar pictures"],
  ["g", "put the selection into a group"],
  ["1 – 9", "put into the group of that number in the filters"],
  ["u", "undo the last change"],
  ["m", "map on or off"],
  ["b", "boxes on or off"],
  ["f", "filters on or off"],
  ["?", "this list"],
  ["d, k, r, t, i, g, c", "in a list of findings: delete, keep, relabel, move, ignore, group, reconsider"],
];

function moved(key: string): number | null {
  const { cursor, total } = explorer;
  const { columns, pageRows } = grid;
  return movedTo(key, { at: cursor, total, columns, pageRows });
}

function simple(key: string): (() => void) | null {
  const row = explorer.rows.at(explorer.cursor);
  switch (key) {
    case "/":
      return () => document.getElementById("search")?.focus();
    case "?":
      return () => (explorer.dialog = "help");
    case "Enter":
      return () => explorer.open(explorer.cursor);
    case "Escape":
      if (explorer.opened !== null) return () => explorer.open(null);
      return () => void explorer.selection.none();
    case "n":
      return () => explorer.open((explorer.opened ?? explorer.cursor - 1) + 1);
    case "p":
      return () => explorer.open((explorer.opened ?? explorer.cursor + 1) - 1);
    case "s":
      return row ? () => explorer.similar(row) : null;
    case "g":
      return explorer.canWrite && explorer.selection.count ? () => (explorer.dialog = "group") : null;
    case "u":
      return explorer.canWrite ? () => void explorer.undo() : null;
    case "m":
      return () => explorer.showMap(explorer.map ? "" : "latest");
    case "b":
      return () => looks.toggle("boxes");
    case "f":
      return () => looks.toggle("filters");
  }
  if (/^[1-9]$/.test(key) && explorer.canWrite) {
    const name = explorer.palette[Number(key) - 1];
    if (name === undefined) return null;
    const items = explorer.selection.count ? [] : row ? [row.number] : [];
    return () => void explorer.act("group", { name }, items);
  }
  return null;
}

export function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || explorer.dialog !== null) return;
  if (event.key === "Escape" && document.querySelector(":popover-open")) return;
  const target = event.target as HTMLElement | null;
  if (target?.closest(TYPING)) {
    if (event.key === "Escape") target.blur();
    return;
  }
  if (explorer.screen !== "" && !EVERYWHERE.includes(event.key)) {
    if (screenKeys.press?.(event)) event.preventDefault();
    return;
  }
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a") {
    event.preventDefault();
    void explorer.selection.all();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const control = target?.closest("button, a, summary, [type=range], [type=checkbox]");
  if (control && (event.key === "Enter" || event.key === " " || event.key.startsWith("Arrow"))) return;
  if (control?.matches("[type=range]") && moved(event.key) !== null) return;
  if (event.key === " ") {
    event.preventDefault();
    void explorer.selection.toggle(explorer.cursor);
    return;
  }
  const to = moved(event.key);
  if (to !== null) {
    event.preventDefault();
    if (event.shiftKey) void explorer.selection.extend(to);
    else if (explorer.opened !== null) explorer.open(to);
    else explorer.moveTo(to);
    grid.show(to);
    return;
  }
  const done = simple(event.key);
  if (done) {
    event.preventDefault();
    done();
  }
}
