// Chats that were made on this device and that the server has not named yet. Such a chat gives way to the server's as
// soon as anything tells of a chat of the same people: there is one for each set. Each function runs in a transaction
// that its caller opened.

import type { Tx } from "./database.ts";
import type { Act, Chat } from "./model.ts";
import type { ToGroup } from "./wire.ts";

/** What is known of chats that were made here. */
export interface Made {
  /** Those that wait for the server's name, with the set of their people. */
  waiting: [chatId: string, people: string][];
  /** Those that have it: an address that somebody kept still leads there. The oldest are forgotten. */
  moved: [from: string, to: string][];
}

const MOVED_MAX = 100;
const NONE: Made = { waiting: [], moved: [] };

function setOf(userIds: string[]): string {
  return [...new Set(userIds)].sort().join("\n");
}

/**
 * Makes a chat of these people, or finds the one that they have. What was refused before is asked once more. With
 * `address` they are those who are in groups now: the server says who is in them when it makes the chat.
 */
export async function startChat(
  tx: Tx,
  chatId: string,
  userIds: string[],
  me: string,
  at: string,
  address?: { toUserIds: string[]; toGroups: ToGroup[] },
): Promise<string> {
  const people = setOf([...userIds, me]);
  const known =
    address === undefined ? (await tx.all("chats")).find((chat) => setOf(chat.userIds) === people) : undefined;
  if (known !== undefined) {
    if (known.isMade) await askAgain(tx, known.chatId);
    return known.chatId;
  }
  const made = (await tx.note("made")) ?? NONE;
  await tx.setNote("made", { ...made, waiting: [...made.waiting, [chatId, people]] });
  const all = people.split("\n");
  await tx.put("chats", {
    chatId,
    userIds: all,
    activity: at,
    lastPosition: 0,
    unread: 0,
    asOf: 0,
    readTo: 0,
    isMade: true,
  });
  await tx.queue({ kind: "chat", chatId, at, ...(address ?? { toUserIds: all.filter((id) => id !== me) }) });
  return chatId;
}

/** The acts of a chat that was made here: its making, and what was written into it. */
async function actsOf(tx: Tx, chatId: string): Promise<(Act & { kind: "chat" | "reply" })[]> {
  const acts = await tx.all("outbox");
  return acts.filter((act) => act.kind !== "receipts" && act.chatId === chatId) as (Act & { kind: "chat" | "reply" })[];
}

async function askAgain(tx: Tx, chatId: string): Promise<void> {
  for (const { refused: _, ...act } of await actsOf(tx, chatId)) await tx.put("outbox", act);
}

/** The chat of these people that was made here and waits. */
export async function waitingChat(tx: Tx, userIds: string[]): Promise<string | undefined> {
  const made = await tx.note("made");
  if (made === undefined || made.waiting.length === 0) return undefined;
  const people = setOf(userIds);
  return made.waiting.find(([, others]) => others === people)?.[0];
}

/** The server has named a chat: the one that was made here, and what was written into it, have that name now. */
export async function giveWay(tx: Tx, from: string, to: string): Promise<Chat | undefined> {
  const made = (await tx.note("made")) ?? NONE;
  await tx.setNote("made", {
    waiting: made.waiting.filter(([chatId]) => chatId !== from),
    moved: [...made.moved, [from, to] as [string, string]].slice(-MOVED_MAX),
  });
  const chat = await tx.get("chats", from);
  await tx.remove("chats", from);
  for (const act of await actsOf(tx, from)) {
    if (act.kind === "chat") await tx.remove("outbox", act.n);
    else await tx.put("outbox", { ...act, chatId: to });
  }
  return chat;
}

/** Where a chat is now: the same, but for one that gave way. */
export async function whereIs(tx: Tx, chatId: string): Promise<string> {
  const made = await tx.note("made");
  return made?.moved.find(([from]) => from === chatId)?.[1] ?? chatId;
}

/** Why the server will not make a chat, where it said so. */
export async function whyRefused(tx: Tx, chatId: string): Promise<string | undefined> {
  const chat = await tx.get("chats", chatId);
  if (!chat?.isMade) return undefined;
  return (await actsOf(tx, chatId)).find(({ kind }) => kind === "chat")?.refused;
}

/** The server will not make it: what was written into it is not sent either, and says the same. */
export async function refuseChat(tx: Tx, chatId: string, reason: string): Promise<void> {
  for (const act of await actsOf(tx, chatId)) await tx.put("outbox", { ...act, refused: reason });
}

/** The person gives up a chat that the server will not make, with what was written into it. */
export async function discardChat(tx: Tx, chatId: string): Promise<void> {
  const chat = await tx.get("chats", chatId);
  if (!chat?.isMade) return;
  const made = (await tx.note("made")) ?? NONE;
  await tx.setNote("made", { ...made, waiting: made.waiting.filter(([id]) => id !== chatId) });
  for (const act of await actsOf(tx, chatId)) await tx.remove("outbox", act.n);
  await tx.remove("chats", chatId);
}
