// The screens of the page, as its address names them.

import type { Kind } from "./api";

export type Screen = "" | "findings" | Kind | "clusters" | "compare" | "classifier" | "jobs";

export const SCREENS: [Screen, string][] = [
  ["", "Pictures"],
  ["findings", "Findings"],
  ["clusters", "Clusters"],
  ["compare", "Compare"],
  ["classifier", "Classifier"],
  ["jobs", "Jobs"],
];

/** The lists of findings: what each is called, and what it says. */
export const LISTS: [Kind, string, string][] = [
  ["duplicates", "Duplicates", "groups of pictures that show the same"],
  ["leaks", "Leaks", "the same picture in two subsets"],
  ["mislabelled", "Mislabelled", "tags that another tag fits better than"],
  ["outliers", "Outliers", "pictures unlike the others"],
  ["quality", "Quality", "blurred, dark, light, grey, empty or odd pictures"],
];

/** What screens ask, as parameters of the address. */
const ASKED = ["issue", "show", "a", "b"] as const;
export type Asked = Partial<Record<(typeof ASKED)[number], string>>;

/** Return the screen of a name, that of the pictures where there is none. */
export function screenOf(name: string | null): Screen {
  const known = [...SCREENS.map(([one]) => one), ...LISTS.map(([one]) => one)];
  return known.find((one) => one === name) ?? "";
}

/** Return the list of a screen, if it is one. */
export function listOf(screen: Screen): Kind | null {
  return LISTS.find(([one]) => one === screen)?.[0] ?? null;
}

/** Return what the address asks of a screen. */
export function askedIn(given: URLSearchParams): Asked {
  const asked: Asked = {};
  for (const name of ASKED) {
    const value = given.get(name);
    if (value) asked[name] = value;
  }
  return asked;
}

/** Return the part of the address that says a screen and what it asks. */
export function screenAddress(screen: Screen, asked: Asked): string {
  if (!screen) return "";
  const given = new URLSearchParams({ screen });
  for (const name of ASKED) if (asked[name]) given.set(name, asked[name]);
  return given.toString();
}

/** What keys do on the screen that is shown; it tells whether a key does something. */
export const screenKeys: { press: ((event: KeyboardEvent) => boolean) | null } = { press: null };
