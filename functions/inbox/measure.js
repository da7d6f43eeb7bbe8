// How long a text is to the platform that carries it.

const MEASURES = {
  code_points: (text) => [...text].length,
  utf16: (text) => text.length,
  bytes: (text) => new TextEncoder().encode(text).length,
};
export const UNIT_WORDS = { code_points: "characters", utf16: "characters (UTF-16)", bytes: "bytes" };

export function measured(text, unit) {
  return (MEASURES[unit] ?? MEASURES.code_points)(text);
}
