import { expect, test } from "vitest";

import { colourOf } from "../src/lib/colours";
import { askedIn, listOf, screenAddress, screenOf } from "../src/lib/screens";
import { emptyView, fromAddress, newQuery, toAddress, toRequest } from "../src/lib/view";

const view = {
  ...emptyView(),
  model: "mini",
  queries: [newQuery("text", "a dog: 1 & 2 = 3"), newQuery("item", "set/a/b?.jpg", [0.1, 0.2, 0.5, 0.25], -0.5)],
  filters: [
    { field: "tags" as const, value: "-cat:fish", excluded: true },
    { field: "attributes" as const, value: "weather = sun & rain", excluded: false },
  ],
  where: 'width > 2 and "ä" in tags',
  sort: "file_size",
  descending: true,
  least: 0.25,
};

test("a view comes back from its address", () => {
  expect(fromAddress(`?${toAddress(view)}`)).toEqual(view);
  expect(toAddress(emptyView())).toBe("");
  expect(fromAddress("")).toEqual(emptyView());
});

test("what an address says wrongly is left out", () => {
  const read = fromAddress("?q=nothing&q=spell:x&f=colour:red&f=tags:dog&other=1");
  expect(read).toEqual({ ...emptyView(), filters: [{ field: "tags", value: "dog", excluded: false }] });
});

test("an empty view asks for everything", () => {
  expect(toRequest(emptyView())).toMatchObject({ model: null, queries: [], filters: [], where: null, sort: null });
});

test("a screen comes back from its address", () => {
  const address = screenAddress("compare", { a: "group:one & two", b: "where:x > 1", show: "" });
  const given = new URLSearchParams(address);
  expect(screenOf(given.get("screen"))).toBe("compare");
  expect(askedIn(given)).toEqual({ a: "group:one & two", b: "where:x > 1" });
  expect(screenAddress("", { a: "x" })).toBe("");
  expect(screenOf("nowhere")).toBe("");
  expect([listOf("quality"), listOf("jobs")]).toEqual(["quality", null]);
});

test("a label always has the same colour", () => {
  expect(colourOf("dog")).toBe(colourOf("dog"));
  expect(new Set(["dog", "cat", "bird", "fish", "tree", "car"].map(colourOf)).size).toBeGreaterThan(2);
});
