import { expect, test } from "vitest";

import { completed, proposals, wordAt } from "../src/lib/where";

const NAMES = ["width", "dog", "doghouse", "dalmatian", "größe"];

test("the name at the caret is proposed, not one within a text", () => {
  expect(wordAt("width > 2 and do", 16)).toBe("do");
  expect(proposals("width > 2 and do", 16, NAMES)).toEqual(["dog", "doghouse"]);
  expect(proposals("dog", 3, NAMES)).toEqual(["doghouse"]);
  expect(proposals("grö", 3, NAMES)).toEqual(["größe"]);
  expect(proposals('like(id, "do', 12, NAMES)).toEqual([]);
  expect(proposals("width > 2", 9, NAMES)).toEqual([]);
});

test("a name is completed where it stands", () => {
  expect(completed("do > 2 and width > 3", 2, "dog")).toEqual(["dog > 2 and width > 3", 3]);
});
