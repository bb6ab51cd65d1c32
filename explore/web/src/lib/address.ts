// The address of the page: what is shown, so that back, bookmarks and links restore it.

import { askedIn, screenAddress, screenOf } from "./screens";
import type { Asked, Screen } from "./screens";
import { fromAddress, toAddress } from "./view";
import type { View } from "./view";

export interface Place {
  view: View;
  screen: Screen;
  asked: Asked;
  /** The name of the map that is shown, "latest" for the last, "" without a map. */
  map: string;
  /** The place of the open picture. */
  opened: number | null;
}

/** Return what a query string says. */
export function placeOf(search: string): Place {
  const given = new URLSearchParams(search);
  const item = given.get("item");
  return {
    view: fromAddress(search),
    screen: screenOf(given.get("screen")),
    asked: askedIn(given),
    map: given.get("map") ?? "",
    opened: item && /^\d+$/.test(item) ? Number(item) : null,
  };
}

/** Return the query string that says the same, "" for the beginning. */
export function addressOf({ view, screen, asked, map, opened }: Place): string {
  const shown = new URLSearchParams();
  if (map) shown.set("map", map);
  if (opened !== null) shown.set("item", String(opened));
  const parts = [screenAddress(screen, asked), toAddress(view), shown.toString()].filter(Boolean);
  return parts.length ? `?${parts.join("&")}` : "";
}
