// Colours that people with any colour vision tell apart: of labels, lightened for pictures, and of a map's points.

const COLOURS = ["#e69f00", "#56b4e9", "#00c08b", "#f0e442", "#4d9fff", "#ff7a45", "#e58bbd", "#d0d0d0"];
/** After Okabe and Ito, 2008, each visible on light and on dark ground. */
export const VALUES = ["#0f7fc4", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b5a200", "#8a6bd1"];
export const OTHERS = "#8b93a1";
/** From the least to the greatest: viridis (Smith and van der Walt, 2015). */
export const SHADES = ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"];
const [GREATEST, NONE] = [254, 255];

/** Return the colour of a label, always the same. */
export function colourOf(label: string): string {
  let sum = 0;
  for (let at = 0; at < label.length; at += 1) sum = (sum * 31 + label.charCodeAt(at)) >>> 0;
  return COLOURS[sum % COLOURS.length] ?? "#e69f00";
}

/** Return the red, green and blue of #rrggbb or #rgb. */
function parts(hex: string): [number, number, number] {
  const digits = hex.replace("#", "");
  const value = Number.parseInt(digits.length === 3 ? digits.replace(/./g, "$&$&") : digits, 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** Return a colour as a pixel of ImageData on a little-endian machine. */
export function pixel(hex: string): number {
  const [red, green, blue] = parts(hex);
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** Return the pixels of codes: of values and others, or of shades. */
export function paletteOf(isShaded: boolean, none: string): Uint32Array {
  const palette = new Uint32Array(256).fill(pixel(OTHERS));
  if (isShaded) {
    for (let code = 0; code <= GREATEST; code += 1) {
      const place = (code / GREATEST) * (SHADES.length - 1);
      const at = Math.min(SHADES.length - 2, Math.floor(place));
      const [from, to] = [parts(SHADES[at]!), parts(SHADES[at + 1]!)];
      const [red, green, blue] = from.map((one, index) => Math.round(one + (to[index]! - one) * (place - at)));
      palette[code] = ((255 << 24) | (blue! << 16) | (green! << 8) | red!) >>> 0;
    }
  } else VALUES.forEach((hex, at) => (palette[at + 1] = pixel(hex)));
  palette[NONE] = pixel(none);
  return palette;
}
