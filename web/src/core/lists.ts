// The lists that all screens share: the chats, what waits, what alerts. They are read in one transaction, since each one
// costs a browser more than what is read in it, and of the chats only those that changed.

import type { Tx } from "./database.ts";
import { whereIs } from "./made.ts";
import type { Act, Chat, Message } from "./model.ts";
import { byActivity, isAtLeast } from "./model.ts";
import { type Sos, type SosSetting, sosOf } from "./sos.ts";
import type { Person } from "./wire.ts";

/** What is shown already, and what changed since. */
export interface Shown {
  chats: Chat[];
  changed: ReadonlySet<string> | "all";
  /** Messages that are told of for a while, unless they were read. */
  toasts: Message[];
  /** The chat that is open. */
  openId: string | undefined;
}

export interface Lists {
  chats: Chat[];
  /** Left out where nothing of them can have changed. */
  people: Person[] | undefined;
  waiting: Act[];
  /** The oldest first: a newer one never hides them. */
  emergencies: Message[];
  banners: Message[];
  /** How many alerts stand that do not pass by themselves. */
  standing: number;
  sos: Sos;
  sosTo: SosSetting | undefined;
  /** Those of the toasts that were read, or are no more. */
  read: ReadonlySet<string>;
  /** Where the chat that is open is now. */
  openId: string | undefined;
}

export async function listsIn(tx: Tx, { chats, changed, toasts, openId }: Shown): Promise<Lists> {
  const told = toasts.map(({ messageId }) => messageId);
  const [anew, people, waiting, open, sticky, sos, sosTo, messages, place] = await Promise.all([
    changed === "all" ? tx.all("chats").then((all) => all.sort(byActivity)) : chatsAnewIn(tx, chats, changed),
    changed === "all" ? tx.all("people") : undefined,
    tx.all("outbox"),
    tx.marked("open"),
    tx.marked("banner"),
    sosOf(tx),
    tx.note("sosTo"),
    Promise.all(told.map((messageId) => tx.get("messages", messageId))),
    openId === undefined ? undefined : whereIs(tx, openId),
  ]);
  const isRead = (message: Message | undefined) => message === undefined || isAtLeast(message.state, "read");
  return {
    chats: anew,
    people,
    waiting,
    emergencies: byTime(open),
    banners: bannersOf(sticky),
    standing: open.length + sticky.length,
    sos,
    sosTo,
    read: new Set(told.filter((_, at) => isRead(messages[at]))),
    openId: place,
  };
}

/** A list of chats in which some have changed: only those are read. */
export async function chatsAnewIn(tx: Tx, chats: Chat[], changed: ReadonlySet<string>): Promise<Chat[]> {
  // One that was made here gives way to the server's, which is told of by the other name.
  const made = chats.filter(({ isMade }) => isMade).map(({ chatId }) => chatId);
  const ids = new Set([...changed, ...made]);
  if (ids.size === 0) return chats;
  const read = await Promise.all([...ids].map((id) => tx.get("chats", id)));
  const anew = read.filter((chat) => chat !== undefined);
  return [...anew, ...chats.filter(({ chatId }) => !ids.has(chatId))].sort(byActivity);
}

/** Of the messages with a banner those whose banner was not closed here. */
export function bannersOf(sticky: Message[]): Message[] {
  return byTime(sticky.filter(({ banner }) => banner === 1));
}

export function byTime(messages: Message[]): Message[] {
  return messages.sort((a, b) =>
    a.sentAt < b.sentAt ? -1 : a.sentAt > b.sentAt ? 1 : a.messageId < b.messageId ? -1 : 1,
  );
}
