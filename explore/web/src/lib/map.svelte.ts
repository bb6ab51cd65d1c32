// The map that is shown: its points, what they are coloured by, what of them the view keeps.

import * as api from "./api";
import type { Colours, MapOf, Sides } from "./api";
import { paletteOf, pixel } from "./colours";
import { explorer } from "./explorer.svelte";
import { toasts } from "./toasts.svelte";
import type { Asked, Told } from "./map.worker";
import type { Camera } from "./raster";

const COLUMNS = 300;
const MARGIN = 24;

/** Return points of a line, whose y is nothing, as columns of dots from the ground up, in which none hides another. */
function heaped(positions: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const heights = new Uint32Array(COLUMNS + 1);
  let [left, right] = [Infinity, -Infinity];
  for (let at = 0; at < positions.length; at += 2) {
    left = Math.min(left, positions[at]!);
    right = Math.max(right, positions[at]!);
  }
  const wide = right - left || 1;
  const heap = positions.map((value, at) => (at % 2 ? heights[Math.floor(((positions[at - 1]! - left) / wide) * COLUMNS)]!++ : value));
  const most = Math.max(1, ...heights);
  return heap.map((value, at) => (at % 2 ? (value / most) * wide * 0.4 : value));
}

interface Named {
  x: number;
  y: number;
  name: string;
}

class MapState {
  maps = $state<MapOf[] | null>(null);
  choices = $state<string[]>([]);
  by = $state(localStorage.getItem("map colour") ?? "");
  colours = $state.raw<Colours | null>(null);
  /** The sides of a comparison that the map shows, in place of the view. */
  sides: Sides | null = null;
  names = $state.raw<Named[]>([]);
  camera = $state.raw<Camera>({ x: 0, y: 0, scale: 1 });
  count = $state(0);
  /** How many points the lasso that is being drawn holds. */
  inLasso = $state<number | null>(null);
  /** Rises when the picture was drawn again. */
  drawn = $state(0);
  milliseconds = $state(0);
  /** How long it took to find what a lasso holds. */
  lassoed = $state(0);

  numbers = new Uint32Array();
  positions = new Float32Array();
  private places = new Map<number, number>();
  private worker: Worker | null = null;
  private request: AbortController | null = null;
  private hovered: ((at: number) => void) | null = null;
  private hover = 0;
  private size: [number, number, number] = [0, 0, 1];
  private shown = "";

  /** The map that the page asks for. */
  readonly chosen = $derived(this.maps?.find((map) => map.analysis === explorer.map) ?? this.maps?.[0] ?? null);

  attach(canvas: HTMLCanvasElement): () => void {
    const worker = new Worker(new URL("./map.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Told>) => {
      if (data.kind === "drawn") {
        this.milliseconds = data.milliseconds;
        this.drawn += 1;
      } else if (data.kind === "lasso") {
        this.inLasso = data.count;
        this.lassoed = data.milliseconds;
      }
      if (data.kind === "nearest" && data.key === this.hover) this.hovered?.(data.at);
    };
    this.worker = worker;
    const offscreen = canvas.transferControlToOffscreen();
    worker.postMessage({ kind: "canvas", canvas: offscreen }, [offscreen]);
    this.shown = "";
    return () => {
      worker.terminate();
      this.worker = null;
    };
  }

  private send(asked: Asked): void {
    this.worker?.postMessage(asked);
  }

  async loadMaps(): Promise<void> {
    try {
      const found = await api.get<{ maps: MapOf[]; colors: string[] }>("maps", { model: explorer.model });
      this.maps = found.maps;
      this.choices = found.colors;
      if (!this.choices.includes(this.by)) this.by = "tags";
    } catch (error) {
      toasts.fail(error);
    }
  }

  /** Fetch the points of the map that is chosen, once. */
  async loadPoints(map: MapOf): Promise<void> {
    if (this.shown === map.analysis) return;
    this.shown = map.analysis;
    try {
      const values = { map: map.analysis, model: explorer.model };
      const content = await api.bytes("maps/points", values);
      const count = content.byteLength / 12;
      this.numbers = new Uint32Array(content, 0, count);
      const positions = new Float32Array(content, count * 4);
      this.positions = map.component === null ? positions : heaped(positions);
      this.places = new Map();
      this.count = count;
      this.send({ kind: "scene", scene: { positions: this.positions, codes: new Uint8Array(count), kept: null } });
      this.fit();
      await Promise.all([this.loadColours(map), this.loadKept(map), this.loadNames(map)]);
    } catch (error) {
      this.shown = "";
      toasts.fail(error);
    }
  }

  private async loadNames(map: MapOf): Promise<void> {
    this.names = [];
    if (map.component !== null) return;
    const values = { map: map.analysis, model: explorer.model };
    this.names = (await api.get<{ names: Named[] }>("maps/names", values)).names;
  }

  colourBy(map: MapOf, by: string): void {
    this.by = by;
    localStorage.setItem("map colour", by);
    void this.loadColours(map);
  }

  async loadColours(map: MapOf): Promise<void> {
    if (!this.count) return;
    const isRanked = explorer.result?.ranked === true;
    const by = this.sides ? "sides" : this.by === "similarity" && !isRanked ? "tags" : this.by;
    this.request?.abort();
    this.request = new AbortController();
    const values = { map: map.analysis, by, result: explorer.result?.result, model: explorer.model, ...this.sides };
    try {
      const colours = await api.colours(values, this.request.signal);
      if (colours.codes.length !== this.count) return;
      this.colours = colours;
      this.send({ kind: "scene", scene: { codes: colours.codes } });
      this.sendTheme();
    } catch (error) {
      toasts.fail(error);
    }
  }

  /** Tell which points are in the view. */
  async loadKept(map: MapOf): Promise<void> {
    const { view, result } = explorer;
    if (!result || !this.count) return;
    const isWhole = this.sides !== null || (!view.filters.length && !view.where && !view.lasso && view.least === null && !view.sql);
    let kept: Uint8Array | null = null;
    if (!isWhole) {
      try {
        const bits = new Uint8Array(await api.bytes("maps/mask", { map: map.analysis, result: result.result }));
        kept = new Uint8Array(this.count).map((_, at) => (bits[at >> 3]! >> (at & 7)) & 1);
      } catch (error) {
        toasts.fail(error);
        return;
      }
    }
    if (result === explorer.result) this.send({ kind: "scene", scene: { kept } });
    this.send({ kind: "lasso", polygon: null });
    this.inLasso = view.lasso && !isWhole ? (kept?.reduce((sum, one) => sum + one, 0) ?? null) : null;
  }

  sendTheme(): void {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const palette = paletteOf(this.colours !== null && this.colours.names.length === 0, colour("--edge"));
    this.send({ kind: "scene", scene: { palette, faint: pixel(colour("--edge")), ground: pixel(colour("--ground")) } });
  }

  resize(width: number, height: number, ratio: number): void {
    const wasNothing = !this.size[0];
    this.size = [Math.round(width * ratio), Math.round(height * ratio), ratio];
    if (wasNothing) this.fit();
    else this.look(this.camera);
  }

  /** Show all points. */
  fit(): void {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let at = 0; at < this.positions.length; at += 2) {
      left = Math.min(left, this.positions[at]!);
      right = Math.max(right, this.positions[at]!);
      low = Math.min(low, this.positions[at + 1]!);
      high = Math.max(high, this.positions[at + 1]!);
    }
    if (!(right >= left)) return;
    const [width, height, ratio] = this.size;
    const room = (pixels: number) => Math.max(10, pixels - 2 * MARGIN * ratio);
    const scale = Math.min(room(width) / (right - left || 1), room(height) / (high - low || 1));
    this.look({ x: (left + right) / 2, y: (low + high) / 2, scale });
  }

  look(camera: Camera, isMoving = false): void {
    this.camera = camera;
    const [width, height, ratio] = this.size;
    this.send({ kind: "camera", camera, width, height, ratio, isMoving });
  }

  /** Zoom by a factor; what lies at a place, in CSS pixels, stays there. */
  zoom(factor: number, x: number, y: number, isMoving = true): void {
    const [before, { scale }] = [this.at(x, y), this.camera];
    this.camera = { ...this.camera, scale: Math.max(1e-6, Math.min(1e9, scale * factor)) };
    const after = this.at(x, y);
    this.look({ ...this.camera, x: this.camera.x + before[0] - after[0], y: this.camera.y + before[1] - after[1] }, isMoving);
  }

  pan(dx: number, dy: number): void {
    const step = this.size[2] / this.camera.scale;
    this.look({ ...this.camera, x: this.camera.x - dx * step, y: this.camera.y + dy * step }, true);
  }

  /** Return what of the map is at a place in CSS pixels. */
  at(x: number, y: number): [number, number] {
    const [width, height, ratio] = this.size;
    const { x: middle, y: level, scale } = this.camera;
    return [(x * ratio - width / 2) / scale + middle, (height / 2 - y * ratio) / scale + level];
  }

  /** Return where a place of the map is, in CSS pixels. */
  place(x: number, y: number): [number, number] {
    const [width, height, ratio] = this.size;
    const { x: middle, y: level, scale } = this.camera;
    return [((x - middle) * scale + width / 2) / ratio, (height / 2 - (y - level) * scale) / ratio];
  }

  /** Return where an item is on the map, in its own units. */
  of(number: number): [number, number] | null {
    if (!this.places.size) this.numbers.forEach((one, at) => this.places.set(one, at));
    const at = this.places.get(number);
    return at === undefined ? null : [this.positions[2 * at]!, this.positions[2 * at + 1]!];
  }

  /** Find the point at a place in CSS pixels; the number of its item is told, null without a point there. */
  find(x: number, y: number, told: (number: number | null) => void): void {
    this.hovered = (at) => told(at < 0 ? null : this.numbers[at]!);
    this.hover += 1;
    const ratio = this.size[2];
    this.send({ kind: "nearest", key: this.hover, x: x * ratio, y: y * ratio });
  }

  /** Show what a polygon holds, before the server says so. */
  preview(polygon: number[] | null): void {
    if (!polygon) this.inLasso = null;
    this.send({ kind: "lasso", polygon });
  }
}

export const mapState = new MapState();
