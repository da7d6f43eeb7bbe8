// How long a text is to the platform that carries it.

// X's: closely enough while writing; the API counts exactly.
const LINK = /\bhttps?:\/\/\S+/gi;
const LIGHT = /[\u{0}-\u{10ff}\u{2000}-\u{200d}\u{2010}-\u{201f}\u{2032}-\u{2037}]/u;

const MEASURES = {
  code_points: (text) => [...text].length,
  utf16: (text) => text.length,
  bytes: (text) => new TextEncoder().encode(text).length,
  weighted: (text) => [...text.replace(LINK, "x".repeat(23))].reduce((sum, sign) => sum + (LIGHT.test(sign) ? 1 : 2), 0),
};
export const UNIT_WORDS = { code_points: "characters", utf16: "characters (UTF-16)", bytes: "bytes", weighted: "characters" };

export function measured(text, unit) {
  return (MEASURES[unit] ?? MEASURES.code_points)(text);
}
