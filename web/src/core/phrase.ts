// A stock phrase with fields to fill: `Switch off {line} at {time}`. Pure.

export type Piece = { text: string } | { field: string; at: number };

/** The pieces of a phrase in their order; each field has its number, also where two have one name. */
export function piecesOf(phrase: string): Piece[] {
  const pieces: Piece[] = [];
  let fields = 0;
  for (const part of phrase.split(/(\{[^{}]+\})/)) {
    if (part === "") continue;
    if (part.startsWith("{") && part.endsWith("}")) pieces.push({ field: part.slice(1, -1).trim(), at: fields++ });
    else pieces.push({ text: part });
  }
  return pieces;
}

/** The text with what was filled in, or the names of the fields that are open. */
export function filled(pieces: Piece[], values: string[]): { text: string; open: string[] } {
  const open: string[] = [];
  const text = pieces.map((piece) => {
    if ("text" in piece) return piece.text;
    const value = values[piece.at]?.trim() ?? "";
    if (value === "") open.push(piece.field);
    return value;
  });
  return { text: text.join(""), open };
}
