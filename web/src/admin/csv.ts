// CSV as RFC 4180 has it: read from a file, and written for one. Pure.

export interface Line {
  /** Where it begins in the file, from 1. */
  line: number;
  cells: string[];
}

/** The lines of a file, empty ones left out; nothing, where a quote is not closed. */
export function readCsv(text: string): Line[] | undefined {
  const lines: Line[] = [];
  let cells: string[] = [];
  let cell = "";
  let isQuoted = false;
  let [line, began] = [1, 1];
  const end = () => {
    cells.push(cell);
    if (cells.length > 1 || cells[0] !== "") lines.push({ line: began, cells });
    [cells, cell, began] = [[], "", line];
  };
  const source = text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  for (let at = 0; at < source.length; at++) {
    const sign = source[at] ?? "";
    if (sign === "\n") line += 1;
    if (isQuoted) {
      if (sign !== '"') cell += sign;
      else if (source[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else isQuoted = false;
    } else if (sign === '"' && cell === "") isQuoted = true;
    else if (sign === ",") {
      cells.push(cell);
      cell = "";
    } else if (sign === "\n") end();
    else cell += sign;
  }
  if (isQuoted) return undefined;
  if (cell !== "" || cells.length > 0) end();
  return lines;
}

/** A table as a file, in which no cell is taken for a formula. */
export function writeCsv(rows: string[][]): string {
  const cell = (text: string) => {
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
