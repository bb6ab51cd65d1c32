// Where keys lead in a grid of cells.

export interface Cells {
  /** The place of the cursor. */
  at: number;
  total: number;
  columns: number;
  pageRows: number;
}

/** Return the place where a key leads, null for other keys. At an edge the cursor stays, or goes to the last cell. */
export function movedTo(key: string, { at, total, columns, pageRows }: Cells): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at - columns,
    ArrowDown: at + columns,
    PageUp: Math.max(at % columns, at - columns * pageRows),
    PageDown: at + columns * pageRows,
    Home: 0,
    End: total - 1,
  };
  const to = steps[key];
  if (to === undefined) return null;
  if (to < 0) return at;
  if (to < total) return to;
  const isInLastRow = Math.floor(at / columns) === Math.floor((total - 1) / columns);
  return key === "ArrowDown" && isInLastRow ? at : total - 1;
}
