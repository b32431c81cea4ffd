// Search in one's messages: by the server where there is contact, else in what this device keeps, by the same rules. All words
// must be there, in any order, without regard to case and marks on letters; the last one may be the beginning of one, and
// words in quotes stand behind each other. No browser.

import type { Message } from "./model.ts";
import type { Net } from "./net.ts";
import type { Page, Priority } from "./wire.ts";

/** How many are shown at once. */
export const PAGE = 50;
/** How much of a text is shown around the first place that was found. */
const [BEFORE, AROUND] = [40, 160];

export interface Wanted {
  text: string;
  /** Sent by this one. */
  from?: string | undefined;
  /** From this time on, and before that one. */
  after?: string | undefined;
  before?: string | undefined;
}

export interface Part {
  text: string;
  hit?: boolean;
}

export interface Hit {
  messageId: string;
  chatId: string;
  position: number;
  fromUserId: string;
  fromUserName: string;
  priority: Priority;
  sentAt: string;
  snippet: Part[];
}

export interface Found {
  hits: Hit[];
  /** The place of the next page. */
  next?: string | undefined;
  /** Messages sent after this are not looked through yet. */
  indexedUpTo?: string | undefined;
}

/** Whether there is anything to look for. */
export function isWanted({ text, from }: Wanted): boolean {
  return termsOf(text).length > 0 || from !== undefined;
}

/** A page of what the server finds. A page may hold nothing, and have a next one. */
export async function searchServer(net: Net, wanted: Wanted, place?: string): Promise<Found> {
  const words = new URLSearchParams({ limit: String(PAGE) });
  if (termsOf(wanted.text).length > 0) words.set("q", wanted.text.trim());
  for (const name of ["from", "after", "before"] as const) {
    const value = wanted[name];
    if (value !== undefined) words.set(name, value);
  }
  if (place !== undefined) words.set("page", place);
  const page: Page<{ hits: Hit[]; indexedUpTo?: string | null }> = await net.call("GET", `/api/v1/search?${words}`);
  return { hits: page.hits, next: page.next ?? undefined, indexedUpTo: page.indexedUpTo ?? undefined };
}

/** What is found among messages that are here, the newest first. */
export function searchHere(messages: Message[], wanted: Wanted): Found {
  const terms = termsOf(wanted.text);
  const hits: Hit[] = [];
  const sorted = messages.filter((message) => fits(message, wanted)).sort(newestFirst);
  for (const message of sorted) {
    const places = placesOf(message.text, terms);
    if (places === undefined) continue;
    const { messageId, chatId, position, priority, sentAt, text } = message;
    const who = { fromUserId: message.from, fromUserName: message.fromName };
    hits.push({ messageId, chatId, position, priority, sentAt, ...who, snippet: snippetOf(text, places) });
    if (hits.length === PAGE) break;
  }
  return { hits };
}

const newestFirst = (a: Message, b: Message) => (a.sentAt < b.sentAt ? 1 : a.sentAt > b.sentAt ? -1 : 0);

function fits({ from, sentAt }: Message, wanted: Wanted): boolean {
  const { after = "", before } = wanted;
  return (
    (wanted.from === undefined || from === wanted.from) && sentAt >= after && (before === undefined || sentAt < before)
  );
}

interface Token {
  word: string;
  from: number;
  to: number;
}
/** Words that stand behind each other; the last of all may be the beginning of one. */
interface Term {
  words: string[];
  isOpen: boolean;
}

const fold = (text: string) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const { 0: word, index } of text.matchAll(/[\p{L}\p{N}\p{M}]+/gu))
    tokens.push({ word: fold(word), from: index, to: index + word.length });
  return tokens;
}

function termsOf(text: string): Term[] {
  const terms: Term[] = [];
  for (const { 0: piece, 1: quoted } of text.matchAll(/"([^"]*)"?|[^\s"]+/g)) {
    const words = tokensOf(quoted ?? piece).map(({ word }) => word);
    if (words.length > 0) terms.push({ words, isOpen: false });
  }
  const last = terms.at(-1);
  if (last !== undefined && !text.trimEnd().endsWith('"')) last.isOpen = true;
  return terms;
}

/** Where the terms are in a text; undefined where one of them is not. */
function placesOf(text: string, terms: Term[]): [number, number][] | undefined {
  const tokens = tokensOf(text);
  const places: [number, number][] = [];
  for (const { words, isOpen } of terms) {
    let isFound = false;
    for (let at = 0; at + words.length <= tokens.length; at++) {
      const isHere = words.every((word, n) => {
        const token = tokens[at + n]?.word ?? "";
        return isOpen && n === words.length - 1 ? token.startsWith(word) : token === word;
      });
      if (!isHere) continue;
      isFound = true;
      for (const { from, to } of tokens.slice(at, at + words.length)) places.push([from, to]);
    }
    if (!isFound) return undefined;
  }
  return places.sort(([a], [b]) => a - b);
}

function snippetOf(text: string, places: [number, number][]): Part[] {
  const first = places[0]?.[0] ?? 0;
  // Begins at a word, so that none looks like another one.
  const start = first <= BEFORE ? 0 : text.indexOf(" ", first - BEFORE) + 1 || first;
  const from = Math.min(start, first);
  const end = Math.min(text.length, from + AROUND);
  const parts: Part[] = from > 0 ? [{ text: "…" }] : [];
  let at = from;
  for (const [begin, stop] of places) {
    if (begin < at || stop > end) continue;
    if (begin > at) parts.push({ text: text.slice(at, begin) });
    parts.push({ text: text.slice(begin, stop), hit: true });
    at = stop;
  }
  if (at < end) parts.push({ text: text.slice(at, end) });
  if (end < text.length) parts.push({ text: "…" });
  return parts;
}
