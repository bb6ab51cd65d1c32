// How this browser shows the page, which it remembers for the next visit.

const SIZE = 176;

export type Toggle = "boxes" | "filters";

class Looks {
  /** Pixels that a tile of the grid is wide, about. */
  size = $state(Number(localStorage.getItem("size")) || SIZE);
  boxes = $state(localStorage.getItem("boxes") !== "no");
  filters = $state(localStorage.getItem("filters") !== "no");

  toggle(name: Toggle): void {
    this[name] = !this[name];
    localStorage.setItem(name, this[name] ? "yes" : "no");
  }

  setSize(size: number): void {
    this.size = size;
    localStorage.setItem("size", String(size));
  }
}

export const looks = new Looks();
