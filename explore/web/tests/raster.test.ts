import { expect, test } from "vitest";

import { draw, inPolygon, isInside, MOST_DRAWN } from "../src/lib/raster";

const GROUND = 0xff000000;
const WHITE = 0xffffffff;

function scene(positions: number[] | Float32Array) {
  const places = Float32Array.from(positions);
  return { positions: places, codes: new Uint8Array(places.length / 2), palette: new Uint32Array(256).fill(WHITE), kept: null, faint: 0, ground: GROUND };
}

test("a point is drawn where it lies", () => {
  const pixels = new Uint32Array(100);
  draw(pixels, 10, 10, { x: 0, y: 0, scale: 1 }, scene([2, 3]), 1);
  expect([...pixels].flatMap((one, at) => (one === WHITE ? [at] : []))).toEqual([2 * 10 + 7]);
});

test("more points than are drawn one by one are a density", () => {
  const count = MOST_DRAWN + 2;
  const positions = new Float32Array(count * 2).fill(-1);
  positions[0] = positions[1] = 1; // one point beside a heap
  const pixels = new Uint32Array(100);
  draw(pixels, 10, 10, { x: 0, y: 0, scale: 1 }, scene(positions), 1);
  const [alone, heap] = [pixels[4 * 10 + 6]! & 255, pixels[6 * 10 + 4]! & 255];
  expect(heap).toBe(255);
  expect(alone).toBeGreaterThan(60);
  expect(alone).toBeLessThan(120);
});

test("a polygon holds what the even-odd rule says, point by point", () => {
  const star = [0, 10, 6, -8, -9, 3, 9, 3, -6, -8];
  const positions = Float32Array.from({ length: 4000 }, (_, at) => ((at * 7919) % 2400) / 100 - 12);
  const found = inPolygon(positions, star);
  const expected = Uint8Array.from({ length: 2000 }, (_, at) => Number(isInside(star, positions[2 * at]!, positions[2 * at + 1]!)));
  expect(found).toEqual(expected);
  expect(expected.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(100);
});
