// Colours of labels that people with any colour vision tell apart (Okabe and Ito), lightened for pictures.

const COLOURS = ["#e69f00", "#56b4e9", "#00c08b", "#f0e442", "#4d9fff", "#ff7a45", "#e58bbd", "#d0d0d0"];

/** Return the colour of a label, always the same. */
export function colourOf(label: string): string {
  let sum = 0;
  for (let at = 0; at < label.length; at += 1) sum = (sum * 31 + label.charCodeAt(at)) >>> 0;
  return COLOURS[sum % COLOURS.length] ?? "#e69f00";
}
