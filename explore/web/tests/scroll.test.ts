import { describe, expect, test } from "vitest";

import { heights, reveal, rowCount, scrollOf, TALLEST, topOf, visible } from "../src/lib/scroll";

const few = { total: 95, columns: 10, rowHeight: 100, viewport: 250 };
const many = { total: 10_000_000, columns: 10, rowHeight: 100, viewport: 250 };

test("rows are as many as the pictures need", () => {
  expect(rowCount(few)).toBe(10);
  expect(rowCount({ ...few, total: 0 })).toBe(0);
});

test("few rows scroll as they are", () => {
  expect(heights(few)).toEqual({ whole: 1000, element: 1000 });
  expect(topOf(123, few)).toBe(123);
  expect(scrollOf(123, few)).toBe(123);
});

describe("more rows than an element may be high", () => {
  test("the element is cut", () => expect(heights(many).element).toBe(TALLEST));

  test("both ends of the bar are both ends of the rows", () => {
    expect(topOf(0, many)).toBe(0);
    const most = TALLEST - many.viewport;
    expect(topOf(most, many)).toBe(heights(many).whole - many.viewport);
    expect(topOf(most + 999, many)).toBe(topOf(most, many));
  });

  test.each([0, 50_000, 99_999_000])("a place %i comes back", (top) => {
    expect(topOf(scrollOf(top, many), many)).toBeCloseTo(top, 3);
  });
});

test("rows beyond each edge are drawn, and none that are not there", () => {
  expect(visible(0, few)).toEqual([0, 4]);
  expect(visible(400, few)).toEqual([3, 8]);
  expect(visible(750, few)).toEqual([6, 10]);
});

test("a row comes into sight with the least movement", () => {
  expect(reveal(5, 450, few)).toBe(450);
  expect(reveal(2, 450, few)).toBe(200);
  expect(reveal(9, 450, few)).toBe(750);
});
