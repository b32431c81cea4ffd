// How much a device keeps. The rule is pure; below it is what reads and drops, each in a transaction that its caller
// opened. What is dropped is at the server, and is fetched again when somebody scrolls to it.

import type { Tx } from "./database.ts";
import type { Act, Message } from "./model.ts";
import { isAtLeast } from "./model.ts";

export const BOUND = {
  /** Most messages, and most bytes as the browser counts them, that a device keeps. */
  messages: 20_000,
  bytes: 50_000_000,
  /** What is over goes down to this part of it: not a message at a time. */
  down: 0.9,
  /** The newest of each chat that always stay. */
  newest: 200,
  /** A chat that was open within this time is left alone: somebody may be scrolling in it. */
  restMs: 3_600_000,
  /** A browser counts what was dropped for a while: by bytes it is done once in this time. */
  bytesRestMs: 86_400_000,
} as const;

/** What of a chat is here. */
export interface Holding {
  chatId: string;
  count: number;
  /** When it was open here last; 0 where it never was. */
  usedAt: number;
  /** When anything last happened in it. */
  activity: number;
}

export interface Drop {
  chatId: string;
  count: number;
}

/** How many messages are too many. `bytes` is undefined where the browser does not say, or said it not long ago. */
export function excess(messages: number, bytes: number | undefined): number {
  const byCount = messages > BOUND.messages ? messages - BOUND.messages * BOUND.down : 0;
  const bySize = bytes !== undefined && bytes > BOUND.bytes ? messages * (1 - (BOUND.bytes * BOUND.down) / bytes) : 0;
  return Math.ceil(Math.max(byCount, bySize));
}

/** Of which chats how many go: those first that nobody used for longest. */
export function planned(holdings: Holding[], tooMany: number, now: number): Drop[] {
  const lastUse = (holding: Holding) => Math.max(holding.usedAt, holding.activity);
  const drops: Drop[] = [];
  let left = tooMany;
  for (const { chatId, count, usedAt } of [...holdings].sort((a, b) => lastUse(a) - lastUse(b))) {
    if (left <= 0) break;
    if (now - usedAt < BOUND.restMs) continue;
    const drop = Math.min(left, count - BOUND.newest);
    if (drop <= 0) continue;
    drops.push({ chatId, count: drop });
    left -= drop;
  }
  return drops;
}

/** Whether a message may go: never what is unread, alerts, or has something of this person waiting. */
export function mayGo(message: Message, needed: Set<string>): boolean {
  if (message.open !== undefined || message.banner !== undefined || needed.has(message.messageId)) return false;
  return message.mine || isAtLeast(message.state, "read");
}

/** The messages of which something waits to be told. */
export function neededBy(acts: Act[]): Set<string> {
  const needed = new Set<string>();
  for (const act of acts) {
    if (act.kind === "reply") {
      for (const id of [act.sentAs, act.replyTo, act.readUpTo]) if (id !== undefined) needed.add(id);
    } else if (act.kind === "receipts") {
      for (const said of act.receipts) needed.add("messageId" in said ? said.messageId : said.readUpTo);
    }
  }
  return needed;
}

/** What is to be dropped now, and whether it was the bytes that were looked at. */
export async function planIn(
  tx: Tx,
  bytes: number | undefined,
  now: number,
): Promise<{ drops: Drop[]; size: boolean }> {
  const isDue = now - ((await tx.note("tidied")) ?? 0) >= BOUND.bytesRestMs;
  const messages = await tx.count("messages");
  const tooMany = excess(messages, isDue ? bytes : undefined);
  if (tooMany === 0) return { drops: [], size: false };
  const chats = await tx.all("chats");
  const counts = await Promise.all(chats.map(({ chatId }) => tx.countIn(chatId)));
  const holdings = chats.map(({ chatId, usedAt, activity }, at) => ({
    chatId,
    count: counts[at] ?? 0,
    usedAt: usedAt ?? 0,
    activity: Date.parse(activity) || 0,
  }));
  return { drops: planned(holdings, tooMany, now), size: isDue && bytes !== undefined && bytes > BOUND.bytes };
}

/** Looks at the oldest messages of a chat from a position on and drops those that may go; `next` is where to go on. */
export async function dropOldest(
  tx: Tx,
  chatId: string,
  from: number,
  limit: number,
): Promise<{ gone: number; next: number | undefined }> {
  const newest = await tx.messages(chatId, 1, Number.MAX_SAFE_INTEGER, BOUND.newest);
  const kept = newest.length < BOUND.newest ? 0 : (newest.at(-1)?.position ?? 0);
  const rows = await tx.oldest(chatId, from, kept - 1, limit);
  const needed = neededBy(await tx.all("outbox"));
  const gone = rows.filter((message) => mayGo(message, needed));
  for (const { messageId } of gone) await tx.remove("messages", messageId);
  const last = rows.at(-1);
  return { gone: gone.length, next: last === undefined ? undefined : last.position + 1 };
}
