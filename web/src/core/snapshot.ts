// Reads a beginning from the server by calls: where this device knows nothing, or knows a log that is no more.

import type { Snapshot } from "./local.ts";
import { isAtLeast } from "./model.ts";
import type { Net } from "./net.ts";
import { pagesOf } from "./pages.ts";
import type { ChatSummary, ChatsPage, MessagesPage, PeoplePage, Person } from "./wire.ts";

const PAGE = 200;
/** More names than this are not asked for. */
const PEOPLE_MAX = 20_000;

/**
 * All chats and every unread message. The first ack behind it says of everything before that it was delivered, so nothing
 * that may not have been delivered is left out. The epoch is read first: when the store is restored meanwhile, the hello
 * with it is refused.
 */
export async function readSnapshot(net: Net, me: string): Promise<Snapshot> {
  const { epoch } = await net.call<{ epoch: string }>("GET", "/api/v1/participants/me/events?limit=1");
  const chats: ChatsPage[] = [];
  for await (const page of pagesOf<ChatsPage>(net, `/api/v1/me/chats?limit=${PAGE}`, "before")) chats.push(page);
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
  for await (const page of pagesOf<MessagesPage>(net, historyOf(chatId), "before")) {
    pages.push(page);
    left -= page.messages.filter(({ recipients }) =>
      recipients.some(({ state }) => state === "accepted" || state === "delivered"),
    ).length;
    if (left <= 0) break;
  }
  return pages;
}

const historyOf = (chatId: string) => `/api/v1/chats/${encodeURIComponent(chatId)}/messages?limit=${PAGE}`;

export function readHistory(net: Net, chatId: string, before: string | undefined): Promise<MessagesPage> {
  const place = before === undefined ? "" : `&before=${encodeURIComponent(before)}`;
  return net.call<MessagesPage>("GET", historyOf(chatId) + place);
}

export async function readPeople(net: Net): Promise<Person[]> {
  const people: Person[] = [];
  for await (const page of pagesOf<PeoplePage>(net, "/api/v1/people?limit=1000")) {
    people.push(...page.people);
    if (people.length >= PEOPLE_MAX) break;
  }
  return people;
}
