// How the grid lies at the moment: set by the grid, read by keys.

class GridState {
  columns = $state(1);
  pageRows = $state(1);
  /** Brings a place into sight and gives it the focus. */
  show: (position: number) => void = () => undefined;
}

export const grid = new GridState();
