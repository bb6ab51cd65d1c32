// The picture of a map as pixels: a function of its points, colours and place, the same on every machine.

export interface Camera {
  /** What of the map is in the middle of the picture. */
  x: number;
  y: number;
  /** Pixels to a unit of the map. */
  scale: number;
}

export interface Scene {
  /** x and y of each point in turn. */
  positions: Float32Array;
  /** An index into `palette` for each point. */
  codes: Uint8Array;
  /** Pixels as ABGR, as ImageData has them on a little-endian machine. */
  palette: Uint32Array;
  /** A byte for each point: 0 for those that are left out, which are drawn in `faint` below the others. */
  kept: Uint8Array | null;
  faint: number;
  ground: number;
}

/** Points that are drawn at most; of more, a fixed sample is drawn as a density. */
export const MOST_DRAWN = 2_000_000;
/** How much of its colour a pixel with a single point has, in a density. */
const LEAST_SHADE = 0.35;

/** Return how wide a point is, in pixels, for so many of them. */
export function pointSize(count: number, ratio = 1): number {
  const size = count <= 500 ? 9 : count <= 5_000 ? 7 : count <= 30_000 ? 4 : count <= 150_000 ? 3 : 2;
  return Math.max(1, Math.round(size * ratio));
}

/** Return, for a round point, the first and the last column of each of its rows. */
function disc(size: number): [number, number][] {
  const radius = size / 2;
  return Array.from({ length: size }, (_, row) => {
    const down = row + 0.5 - radius;
    const half = size < 3 ? radius : Math.sqrt(Math.max(0, radius * radius - down * down));
    return [Math.round(radius - half), Math.round(radius + half)];
  });
}

/** Draw points into pixels, row by row from the top; every `step`-th of them. */
export function draw(pixels: Uint32Array, width: number, height: number, camera: Camera, scene: Scene, size: number, step = 1): void {
  pixels.fill(scene.ground);
  const count = scene.codes.length;
  const each = step * Math.max(1, Math.ceil(count / MOST_DRAWN));
  if (scene.kept) pass(pixels, width, height, camera, scene, size, each, 0);
  if (count > MOST_DRAWN) shade(pixels, width, height, camera, scene, each);
  else pass(pixels, width, height, camera, scene, size, each, 1);
}

/** Draw how many points lie on each pixel: the more, the stronger the colour of the last of them. */
function shade(pixels: Uint32Array, width: number, height: number, camera: Camera, scene: Scene, step: number): void {
  const { positions, codes, palette, kept, ground } = scene;
  const counts = new Uint32Array(width * height);
  const colours = new Uint8Array(width * height);
  const [left, top] = [width / 2 - camera.x * camera.scale, height / 2 + camera.y * camera.scale];
  let most = 1;
  for (let at = 0; at < codes.length; at += step) {
    if (kept && !kept[at]) continue;
    const x = Math.floor(positions[2 * at]! * camera.scale + left);
    const y = Math.floor(top - positions[2 * at + 1]! * camera.scale);
    if (x < 0 || y < 0 || x >= width || y >= height) continue;
    const pixel = y * width + x;
    colours[pixel] = codes[at]!;
    most = Math.max(most, (counts[pixel]! += 1));
  }
  const scale = (1 - LEAST_SHADE) / Math.max(Math.log(most), 1e-9);
  for (let at = 0; at < counts.length; at += 1) {
    const count = counts[at]!;
    if (count) pixels[at] = mixed(ground, palette[colours[at]!]!, Math.min(1, LEAST_SHADE + Math.log(count) * scale));
  }
}

/** Return a colour between two, `share` of the second, channel by channel. */
function mixed(from: number, to: number, share: number): number {
  let colour = 0;
  for (let shift = 0; shift < 32; shift += 8) {
    const [one, other] = [(from >>> shift) & 255, (to >>> shift) & 255];
    colour |= Math.round(one + (other - one) * share) << shift;
  }
  return colour >>> 0;
}

function pass(pixels: Uint32Array, width: number, height: number, camera: Camera, scene: Scene, size: number, step: number, wanted: number): void {
  const { positions, codes, palette, kept, faint } = scene;
  const rows = disc(size);
  const half = size >> 1;
  const [left, top] = [width / 2 - camera.x * camera.scale, height / 2 + camera.y * camera.scale];
  for (let at = 0; at < codes.length; at += step) {
    if (kept && kept[at] !== wanted) continue;
    const x = Math.floor(positions[2 * at]! * camera.scale + left) - half;
    const y = Math.floor(top - positions[2 * at + 1]! * camera.scale) - half;
    if (x < 0 || y < 0 || x + size > width || y + size > height) continue;
    const colour = wanted ? palette[codes[at]!]! : faint;
    if (size <= 2) {
      const start = y * width + x;
      pixels[start] = colour;
      if (size === 1) continue;
      pixels[start + 1] = colour;
      pixels[start + width] = colour;
      pixels[start + width + 1] = colour;
      continue;
    }
    for (let row = 0; row < size; row += 1) {
      const [from, to] = rows[row]!;
      const start = (y + row) * width + x;
      pixels.fill(colour, start + from, start + to);
    }
  }
}

/** Return the point nearest to a pixel, -1 where none is within `reach` pixels; of the kept ones, where some are. */
export function nearest(scene: Scene, camera: Camera, width: number, height: number, x: number, y: number, reach: number): number {
  const across = (x - width / 2) / camera.scale + camera.x;
  const up = (height / 2 - y) / camera.scale + camera.y;
  const within = reach / camera.scale;
  let best = within * within;
  let found = -1;
  const { positions, kept, codes } = scene;
  for (let at = 0; at < codes.length; at += 1) {
    if (kept && !kept[at]) continue;
    const dx = positions[2 * at]! - across;
    if (dx > within || -dx > within) continue;
    const dy = positions[2 * at + 1]! - up;
    const distance = dx * dx + dy * dy;
    if (distance < best) {
      best = distance;
      found = at;
    }
  }
  return found;
}

/** Tell whether a point is inside of a polygon, x and y in turn, by the even-odd rule. */
export function isInside(polygon: ArrayLike<number>, x: number, y: number): boolean {
  let inside = false;
  const count = polygon.length / 2;
  for (let at = 0, before = count - 1; at < count; before = at, at += 1) {
    const [ax, ay] = [polygon[2 * at]!, polygon[2 * at + 1]!];
    const [bx, by] = [polygon[2 * before]!, polygon[2 * before + 1]!];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

const CELLS = 256;
const [OUT, IN, EDGE] = [0, 1, 2];

/**
 * Return a byte for each point: 1 for those inside of a polygon.
 *
 * Cells that no side of the polygon touches are wholly in or out: a point there is looked up, and only a point in
 * another cell is compared with all sides.
 */
export function inPolygon(positions: Float32Array, polygon: ArrayLike<number>): Uint8Array {
  let [left, low, right, high] = [Infinity, Infinity, -Infinity, -Infinity];
  const corners = polygon.length / 2;
  for (let at = 0; at < corners; at += 1) {
    left = Math.min(left, polygon[2 * at]!);
    right = Math.max(right, polygon[2 * at]!);
    low = Math.min(low, polygon[2 * at + 1]!);
    high = Math.max(high, polygon[2 * at + 1]!);
  }
  const [wide, tall] = [(right - left) / CELLS || 1, (high - low) / CELLS || 1];
  const cells = new Uint8Array(CELLS * CELLS);
  const column = (x: number) => Math.max(0, Math.min(CELLS - 1, Math.floor((x - left) / wide)));
  const row = (y: number) => Math.max(0, Math.min(CELLS - 1, Math.floor((y - low) / tall)));
  for (let at = 0, before = corners - 1; at < corners; before = at, at += 1) {
    const steps = 1 + 4 * Math.max(
      Math.abs(column(polygon[2 * at]!) - column(polygon[2 * before]!)),
      Math.abs(row(polygon[2 * at + 1]!) - row(polygon[2 * before + 1]!)),
    );
    for (let step = 0; step <= steps; step += 1) {
      const share = step / steps;
      const x = column(polygon[2 * before]! + (polygon[2 * at]! - polygon[2 * before]!) * share);
      const y = row(polygon[2 * before + 1]! + (polygon[2 * at + 1]! - polygon[2 * before + 1]!) * share);
      for (let down = Math.max(0, y - 1); down <= Math.min(CELLS - 1, y + 1); down += 1) {
        for (let over = Math.max(0, x - 1); over <= Math.min(CELLS - 1, x + 1); over += 1) cells[down * CELLS + over] = EDGE!;
      }
    }
  }
  for (let y = 0; y < CELLS; y += 1) {
    let known: number | undefined;
    for (let x = 0; x < CELLS; x += 1) {
      if (cells[y * CELLS + x] === EDGE) {
        known = undefined;
        continue;
      }
      known ??= isInside(polygon, left + (x + 0.5) * wide, low + (y + 0.5) * tall) ? IN : OUT;
      cells[y * CELLS + x] = known!;
    }
  }
  const count = positions.length / 2;
  const found = new Uint8Array(count);
  for (let at = 0; at < count; at += 1) {
    const [x, y] = [positions[2 * at]!, positions[2 * at + 1]!];
    if (!(x >= left && x <= right && y >= low && y <= high)) continue;
    const [across, down] = [((x - left) / wide) | 0, ((y - low) / tall) | 0];
    const cell = cells[(down < CELLS ? down : CELLS - 1) * CELLS + (across < CELLS ? across : CELLS - 1)]!;
    found[at] = cell === EDGE ? Number(isInside(polygon, x, y)) : cell;
  }
  return found;
}
