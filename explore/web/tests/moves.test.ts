import { expect, test } from "vitest";

import { movedTo } from "../src/lib/moves";

const cells = { total: 23, columns: 5, pageRows: 2 };

test.each([
  ["ArrowRight", 3, 4],
  ["ArrowLeft", 0, 0],
  ["ArrowUp", 2, 2],
  ["ArrowDown", 17, 22],
  ["ArrowDown", 18, 22],
  ["ArrowDown", 21, 21],
  ["PageDown", 20, 22],
  ["PageUp", 7, 2],
  ["PageUp", 22, 12],
  ["Home", 9, 0],
  ["End", 9, 22],
  ["x", 9, null],
])("%s leads from %i to %s", (key, at, to) => expect(movedTo(key, { ...cells, at })).toBe(to));
