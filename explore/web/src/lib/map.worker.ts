// Draws a map on a canvas apart from the page, which stays quick meanwhile.

import { draw, inPolygon, nearest, pointSize } from "./raster";
import type { Camera, Scene } from "./raster";

export type Asked =
  | { kind: "canvas"; canvas: OffscreenCanvas }
  | { kind: "scene"; scene: Partial<Scene> }
  | { kind: "camera"; camera: Camera; width: number; height: number; ratio: number; isMoving: boolean }
  | { kind: "lasso"; polygon: number[] | null }
  | { kind: "nearest"; key: number; x: number; y: number };

export type Told =
  | { kind: "drawn"; milliseconds: number; points: number }
  | { kind: "lasso"; count: number; milliseconds: number }
  | { kind: "nearest"; key: number; at: number };

const REACH = 10;
const EVERY = 4;
const FEW = 20_000;

let canvas: OffscreenCanvas | null = null;
let image: ImageData | null = null;
let camera: Camera = { x: 0, y: 0, scale: 1 };
let [ratio, isMoving, isDue] = [1, false, false];
/** What a lasso keeps, before the server has said the same. */
let lasso: Uint8Array | null = null;
const scene: Scene = { positions: new Float32Array(), codes: new Uint8Array(), palette: new Uint32Array(256), kept: null, faint: 0, ground: 0 };

function tell(told: Told): void {
  self.postMessage(told);
}

/** What is drawn in colours: what the view has, and what the lasso keeps of it. */
let shown: Uint8Array | null = null;

function whatIsKept(): Uint8Array | null {
  const { kept } = scene;
  if (!lasso || !kept) return lasso ?? kept;
  const inLasso = lasso;
  return kept.map((one, at) => one & inLasso[at]!);
}

function paint(): void {
  isDue = false;
  if (!canvas || !canvas.width || !canvas.height) return;
  const begun = performance.now();
  const { width, height } = canvas;
  if (image?.width !== width || image.height !== height) image = new ImageData(width, height);
  const step = isMoving && scene.codes.length > FEW ? EVERY : 1;
  draw(new Uint32Array(image.data.buffer), width, height, camera, { ...scene, kept: shown }, pointSize(scene.codes.length, ratio), step);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  tell({ kind: "drawn", milliseconds: performance.now() - begun, points: scene.codes.length });
}

function repaint(): void {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(paint);
}

self.onmessage = ({ data }: MessageEvent<Asked>) => {
  switch (data.kind) {
    case "canvas":
      canvas = data.canvas;
      break;
    case "scene":
      if (data.scene.positions || data.scene.kept) lasso = null;
      Object.assign(scene, data.scene);
      shown = whatIsKept();
      break;
    case "camera":
      ({ camera, ratio, isMoving } = data);
      if (canvas && (canvas.width !== data.width || canvas.height !== data.height)) {
        canvas.width = data.width;
        canvas.height = data.height;
      }
      break;
    case "lasso": {
      const begun = performance.now();
      lasso = data.polygon && inPolygon(scene.positions, data.polygon);
      shown = whatIsKept();
      if (!lasso) break;
      let count = 0;
      for (const one of lasso) count += one;
      tell({ kind: "lasso", count, milliseconds: performance.now() - begun });
      break;
    }
    case "nearest": {
      const found = nearest({ ...scene, kept: shown }, camera, canvas?.width ?? 0, canvas?.height ?? 0, data.x, data.y, REACH * ratio);
      tell({ kind: "nearest", key: data.key, at: found });
      return;
    }
  }
  repaint();
};
