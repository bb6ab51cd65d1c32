// The screens of the page, as its address names them.

export type Screen = "" | "classifier" | "jobs";

export const SCREENS: [Screen, string][] = [
  ["", "Pictures"],
  ["classifier", "Classifier"],
  ["jobs", "Jobs"],
];

/** Return the screen of a name, that of the pictures where there is none. */
export function screenOf(name: string | null): Screen {
  return SCREENS.find(([one]) => one === name)?.[0] ?? "";
}

/** What keys do on the screen that is shown; it tells whether a key does something. */
export const screenKeys: { press: ((event: KeyboardEvent) => boolean) | null } = { press: null };
