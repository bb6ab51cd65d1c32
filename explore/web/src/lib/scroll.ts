// From a place of the scroll bar to rows of the grid, for more rows than an element may be high.

/** Pixels of the highest element that every browser shows whole (Firefox: 17,895,697). */
export const TALLEST = 12_000_000;

export interface Sizes {
  total: number;
  columns: number;
  rowHeight: number;
  viewport: number;
}

export function rowCount({ total, columns }: Sizes): number {
  return Math.ceil(total / Math.max(1, columns));
}

/** Return how high all rows are, in pixels, and how high the element that scrolls is. */
export function heights(sizes: Sizes): { whole: number; element: number } {
  const whole = rowCount(sizes) * sizes.rowHeight;
  return { whole, element: Math.min(whole, TALLEST) };
}

/** Return the pixel of all rows that is on top when the element is scrolled to `scrollTop`. */
export function topOf(scrollTop: number, sizes: Sizes): number {
  const { whole, element } = heights(sizes);
  if (whole <= element) return scrollTop;
  const most = element - sizes.viewport;
  return (Math.min(Math.max(0, scrollTop), most) / most) * (whole - sizes.viewport);
}

/** Return where the element is scrolled to when the pixel `top` of all rows is on top. */
export function scrollOf(top: number, sizes: Sizes): number {
  const { whole, element } = heights(sizes);
  if (whole <= element) return top;
  return (top / (whole - sizes.viewport)) * (element - sizes.viewport);
}

/** Return the first row to draw and the one after the last, with some beyond each edge. */
export function visible(top: number, sizes: Sizes, beyond = 1): [number, number] {
  const first = Math.floor(top / sizes.rowHeight) - beyond;
  const last = Math.ceil((top + sizes.viewport) / sizes.rowHeight) + beyond;
  return [Math.max(0, first), Math.min(rowCount(sizes), last)];
}

/** Return the top at which a row is wholly visible, as near to `top` as may be. */
export function reveal(row: number, top: number, sizes: Sizes): number {
  const start = row * sizes.rowHeight;
  if (start < top) return start;
  const end = start + sizes.rowHeight - sizes.viewport;
  return end > top ? end : top;
}
