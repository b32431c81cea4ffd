// Alerts outside of the page, as the system shows them: what stands, what is shown, what goes. It knows no browser: whoever
// calls it says what can be shown, and each call is one after the other.

import type { Local } from "./local.ts";
import type { Message } from "./model.ts";
import { isAtLeast } from "./model.ts";
import { pathOf } from "./route.ts";
import type { Priority } from "./wire.ts";

/** What a notification remembers, so that it can be opened and taken away. */
export interface NoticeData {
  /** Where a press leads to. */
  path: string;
  messageId?: string;
  priority?: Priority;
  /** Whose device it was shown on. */
  userId?: string;
}

export interface Notice {
  title: string;
  body: string;
  tag: string;
  /** It stays until somebody takes it away. */
  stays: boolean;
  /** It sounds again where one with its tag stands. */
  renews: boolean;
  silent: boolean;
  shakes: boolean;
  data: NoticeData;
}

/** One that stands. */
export interface Standing {
  tag: string;
  data: NoticeData | undefined;
  close(): void;
}

/** The system's notifications, as far as this device and its owner allow them. */
export interface Shown {
  standing(): Promise<Standing[]>;
  show(notice: Notice): Promise<void>;
}

/** What a notice says, by priority. */
export interface NoticeWords {
  title(priority: Priority, from: string): string;
}

/** An emergency stands by itself; other messages of a chat take each other's place. */
export function tagOf(message: Pick<Message, "messageId" | "chatId" | "priority">): string {
  return message.priority === 1 ? message.messageId : message.chatId;
}

/** How a notice of a priority behaves. */
export function mannerOf(priority: Priority): Pick<Notice, "stays" | "renews" | "silent" | "shakes"> {
  return { stays: priority !== 2, renews: priority !== 2, silent: false, shakes: priority === 1 };
}

export function noticeOf(message: Message, userId: string, words: NoticeWords): Notice {
  return {
    title: words.title(message.priority, message.fromName),
    body: message.text,
    tag: tagOf(message),
    ...mannerOf(message.priority),
    data: {
      path: pathOf({ screen: "chat", chatId: message.chatId }),
      messageId: message.messageId,
      priority: message.priority,
      userId,
    },
  };
}

/** Whether nobody needs to be told any more: an emergency ends by its acknowledgement, all else by being read. */
export function isOver(message: Message): boolean {
  return message.mine || isAtLeast(message.state, message.priority === 1 ? "acknowledged" : "read");
}

/**
 * Whether what stands already says it: the same message, or an important one that is not read, whose place in the chat an
 * alert that passes does not take.
 */
export function isSaidBy(standing: Standing[], notice: Notice): boolean {
  return standing.some(
    ({ tag, data }) =>
      tag === notice.tag &&
      (data?.messageId === notice.data.messageId || (data?.priority === 3 && notice.data.priority === 2)),
  );
}

/** Takes away what was read or acknowledged, on whichever device, and what was shown to another person. */
export async function closeOver(local: Local, shown: Pick<Shown, "standing">): Promise<void> {
  const me = await local.me();
  for (const notice of await shown.standing()) {
    const { messageId, userId } = notice.data ?? {};
    if (userId !== undefined && userId !== me?.userId) notice.close();
    else if (messageId !== undefined) {
      const message = await local.message(messageId);
      if (message !== undefined && isOver(message)) notice.close();
    }
  }
}

/**
 * Shows messages that are on this device, but those that need no telling and those that stand; those of `again` also where
 * they stand.
 */
export async function showAll(
  local: Local,
  shown: Shown,
  words: NoticeWords,
  messageIds: string[],
  again: string[] = [],
): Promise<void> {
  const me = await local.me();
  if (me === undefined) return;
  for (const messageId of [...messageIds, ...again]) {
    const message = await local.message(messageId);
    if (message === undefined || isOver(message)) continue;
    const notice = noticeOf(message, me.userId, words);
    if (again.includes(messageId) || !isSaidBy(await shown.standing(), notice)) await showSurely(shown, notice);
  }
}

/** How often one is shown that does not stand. */
const SHOWS_MAX = 3;

/** A browser that is asked what stands, by a page, while another one is shown may take that one for gone: so it is looked for. */
async function showSurely(shown: Shown, notice: Notice): Promise<void> {
  for (let shows = 0; shows < SHOWS_MAX; shows++) {
    await shown.show(notice);
    if ((await shown.standing()).some(({ tag }) => tag === notice.tag)) return;
  }
}
