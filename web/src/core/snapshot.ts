// Reads a beginning from the server by calls: where this device knows nothing, or knows a log that is no more.

import type { Snapshot } from "./local.ts";
import { isAtLeast } from "./model.ts";
import type { Net } from "./net.ts";
import type { ChatSummary, ChatsPage, MessagesPage, PeoplePage, Person } from "./wire.ts";

const PAGE = 200;

/**
 * All chats and every unread message. The first ack behind it says of everything before that it was delivered, so nothing
 * that may not have been delivered is left out. The epoch is read first: when the store is restored meanwhile, the hello
 * with it is refused.
 */
export async function readSnapshot(net: Net, me: string): Promise<Snapshot> {
  const { epoch } = await net.call<{ epoch: string }>("GET", "/api/v1/participants/me/events?limit=1");
  const chats: ChatsPage[] = [];
  let before: string | undefined;
  do {
    const page = await net.call<ChatsPage>(
      "GET",
      `/api/v1/me/chats?limit=${PAGE}${before ? `&before=${encodeURIComponent(before)}` : ""}`,
    );
    chats.push(page);
    before = page.next ?? undefined;
  } while (before !== undefined);
  const unread: MessagesPage[] = [];
  for (const chat of chats.flatMap((page) => page.chats)) {
    if (chat.unread > 0 && !isOnlyLast(chat, me)) unread.push(...(await readUnread(net, chat.chatId, chat.unread)));
  }
  return { epoch, chats, unread };
}

/** Whether the one unread message of a chat is its last, which came with the chat: a call each for many chats is long. */
function isOnlyLast({ unread, lastMessage }: ChatSummary, me: string): boolean {
  if (unread !== 1 || !lastMessage || lastMessage.fromUserId === me) return false;
  return lastMessage.recipients.some(({ userId, state }) => userId === me && !isAtLeast(state, "read"));
}

async function readUnread(net: Net, chatId: string, count: number): Promise<MessagesPage[]> {
  const pages: MessagesPage[] = [];
  let left = count;
  let before: string | undefined;
  do {
    const page = await readHistory(net, chatId, before);
    pages.push(page);
    left -= page.messages.filter(({ recipients }) =>
      recipients.some(({ state }) => state === "accepted" || state === "delivered"),
    ).length;
    before = page.next ?? undefined;
  } while (left > 0 && before !== undefined);
  return pages;
}

export function readHistory(net: Net, chatId: string, before: string | undefined): Promise<MessagesPage> {
  const place = before === undefined ? "" : `&before=${encodeURIComponent(before)}`;
  return net.call<MessagesPage>("GET", `/api/v1/chats/${encodeURIComponent(chatId)}/messages?limit=${PAGE}${place}`);
}

export async function readPeople(net: Net): Promise<Person[]> {
  const people: Person[] = [];
  let after: string | undefined;
  do {
    const page = await net.call<PeoplePage>(
      "GET",
      `/api/v1/people?limit=1000${after ? `&after=${encodeURIComponent(after)}` : ""}`,
    );
    people.push(...page.people);
    after = page.next ?? undefined;
  } while (after !== undefined && people.length < 20_000);
  return people;
}
