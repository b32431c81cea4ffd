// Stock phrases as they are edited. Pure.

import type { Priority } from "../core/wire.ts";
import type { Phrase } from "./calls.ts";

export interface Row {
  id: string;
  text: string;
  /** Empty: whoever sends it chooses. */
  priority: string;
  shortcut: string;
}

export function rowsOf(phrases: Phrase[]): Row[] {
  return phrases.map(({ phraseId, text, priority, shortcut }) => ({
    id: phraseId,
    text,
    priority: priority ? String(priority) : "",
    shortcut: shortcut ?? "",
  }));
}

export function toPhrases(rows: Row[]): Phrase[] {
  return rows.map(({ id, text, priority, shortcut }) => ({
    phraseId: id,
    text,
    ...(priority === "" ? {} : { priority: Number(priority) as Priority }),
    ...(shortcut === "" ? {} : { shortcut }),
  }));
}

/** The fields to fill in, in their order, each once. */
export function fieldsOf(text: string): string[] {
  return [...new Set([...text.matchAll(/\{([^{}]+)\}/g)].map((found) => found[1] ?? ""))];
}
