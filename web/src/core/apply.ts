// What the server tells, put into what this device keeps. Each function runs in a transaction that its caller opened;
// telling twice changes nothing.

import type { Tx } from "./database.ts";
import { giveWay, waitingChat } from "./made.ts";
import type { Chat, Message } from "./model.ts";
import { advanced, isAtLeast, merged, messageFromView, withAlerts, withDue, withFact } from "./model.ts";
import { noteSosSent } from "./sos.ts";
import type {
  ChatData,
  ChatSummary,
  MessageData,
  MessagesPage,
  MessageView,
  ReceiptData,
  ReminderData,
  SelfData,
  SentMessage,
  State,
  WireEvent,
} from "./wire.ts";

/** What came of some events: the chats that look different, and the messages that are to be announced. */
export interface Applied {
  chats: Set<string>;
  arrived: Message[];
  /** Messages of which this person was reminded: their alerts come again. */
  reminded: Message[];
}

/** Applies events in their order; those that are stored already are passed over. Moves the place in the log. */
export async function applyEvents(tx: Tx, me: string, events: WireEvent[]): Promise<Applied> {
  const log = await tx.note("log");
  const applied: Applied = { chats: new Set(), arrived: [], reminded: [] };
  if (log === undefined) return applied;
  let seq = log.seq;
  for (const event of events) {
    if (event.seq <= seq) continue;
    await applyEvent(tx, me, event, applied);
    seq = event.seq;
  }
  await tx.setNote("log", { ...log, seq });
  return applied;
}

async function applyEvent(tx: Tx, me: string, event: WireEvent, applied: Applied): Promise<void> {
  switch (event.type) {
    case "message.received":
    case "message.sent":
      return applyMessage(tx, me, event.seq, event.data as MessageData, applied);
    case "message.delivered":
      return applyReceipt(tx, event.data as ReceiptData, "delivered", applied);
    case "message.read":
      return applyReceipt(tx, event.data as ReceiptData, "read", applied);
    case "message.acknowledged":
      return applyReceipt(tx, event.data as ReceiptData, "acknowledged", applied);
    case "message.reminded":
      return applyReminder(tx, event.data as ReminderData, applied);
    case "self.read":
      return applySelf(tx, event.seq, event.data as SelfData, "read", applied);
    case "self.acknowledged":
      return applySelf(tx, event.seq, event.data as SelfData, "acknowledged", applied);
    case "chat.created": {
      const { chatId, userIds } = event.data as ChatData;
      const chat = await chatOf(tx, chatId, userIds);
      if (event.seq > chat.asOf && chat.last === undefined && event.timestamp > chat.activity)
        chat.activity = event.timestamp;
      await tx.put("chats", chat);
      applied.chats.add(chatId);
    }
  }
}

/** The chat as it is known here; one that the same people made here gives way to it. */
async function chatOf(tx: Tx, chatId: string, userIds: string[]): Promise<Chat> {
  const known = await tx.get("chats", chatId);
  if (known !== undefined) return known;
  const waiting = await waitingChat(tx, userIds);
  const made = waiting === undefined ? undefined : await giveWay(tx, waiting, chatId);
  return { chatId, userIds, activity: made?.activity ?? "", lastPosition: 0, unread: 0, asOf: 0, readTo: 0 };
}

/** A chat that the server made or found; `madeAs` is the one that was made here, whatever the server says of its people. */
export async function applyChat(tx: Tx, chat: ChatData, at: string, madeAs?: string): Promise<void> {
  const known = await chatOf(tx, chat.chatId, chat.userIds);
  if (madeAs !== undefined && (await tx.get("chats", madeAs)) !== undefined) await giveWay(tx, madeAs, chat.chatId);
  await tx.put("chats", known.activity === "" ? { ...known, activity: at } : known);
}

async function applyMessage(tx: Tx, me: string, seq: number, data: MessageData, applied: Applied): Promise<void> {
  const mine = data.fromUserId === me;
  const others = data.allUserIds.filter((id) => id !== data.fromUserId);
  const told: Message = {
    messageId: data.messageId,
    chatId: data.chatId,
    position: data.position,
    from: data.fromUserId,
    fromName: data.fromUserName,
    text: data.message,
    priority: data.priority,
    sentAt: data.sentAt,
    ...(data.replyTo ? { replyTo: data.replyTo } : {}),
    mine,
    recipients: mine ? Object.fromEntries(others.map((id) => [id, { state: "accepted" as const }])) : {},
    state: mine ? "accepted" : "delivered",
  };
  const known = await tx.get("messages", data.messageId);
  const { ahead, ...message }: Message = merged(known, withAlerts(told, true));
  await keepMessage(tx, message);
  const chat = await chatOf(tx, data.chatId, data.allUserIds);
  const isNew = seq > chat.asOf && data.position > chat.lastPosition;
  place(chat, message);
  if (isNew) chat.lastPosition = data.position;
  if (isNew && !mine) {
    if (ahead === undefined) chat.unread += 1;
    // An answer may have put a later message on the screen before: this one has not been read with it.
    chat.readTo = Math.min(chat.readTo, data.position - 1);
    // Who came by a notification may have read it before the log tells of it.
    if (!isAtLeast(message.state, "read")) applied.arrived.push(message);
  }
  await tx.put("chats", chat);
  if (mine && known === undefined) await tieToAct(tx, message);
  applied.chats.add(data.chatId);
}

/** Puts a message on top of its chat, where it is the newest. */
function place(chat: Chat, message: Message): void {
  if (chat.last !== undefined && message.position < chat.last.position) return;
  chat.last = message;
  if (message.sentAt > chat.activity) chat.activity = message.sentAt;
}

/**
 * An own message that the log tells of before its answer came: the act that it answers is shown as this message from now
 * on. Which one is told by what it says: the log does not carry the key.
 */
async function tieToAct(tx: Tx, message: Message): Promise<void> {
  for (const act of await tx.all("outbox")) {
    if (act.kind !== "reply" || !act.tried || act.sentAs !== undefined) continue;
    if (act.chatId !== message.chatId || act.text !== message.text || act.priority !== message.priority) continue;
    if (act.replyTo !== message.replyTo) continue;
    await tx.put("outbox", { ...act, sentAs: message.messageId });
    return;
  }
}

async function applyReceipt(tx: Tx, data: ReceiptData, state: State, applied: Applied): Promise<void> {
  const message = await tx.get("messages", data.messageId);
  if (message === undefined) return;
  const recipient = withFact(message.recipients[data.userId], state, data.at);
  await putMessage(tx, { ...message, recipients: { ...message.recipients, [data.userId]: recipient } });
  applied.chats.add(data.chatId);
}

function keepMessage(tx: Tx, message: Message): Promise<void> {
  return tx.put("messages", withDue(message));
}

/** Writes a message, and the copy of it on top of its chat. */
export async function putMessage(tx: Tx, message: Message): Promise<void> {
  await keepMessage(tx, message);
  const chat = await tx.get("chats", message.chatId);
  if (chat?.last?.messageId === message.messageId) await tx.put("chats", { ...chat, last: message });
}

/** Writes many of one chat. */
export async function putMessages(tx: Tx, chatId: string, messages: Message[]): Promise<void> {
  await Promise.all(messages.map((message) => keepMessage(tx, message)));
  const chat = await tx.get("chats", chatId);
  const last = messages.find(({ messageId }) => messageId === chat?.last?.messageId);
  if (chat !== undefined && last !== undefined) await tx.put("chats", { ...chat, last });
}

/** A message comes back to mind, unless the person has gone far enough with it meanwhile, here or on another device. */
async function applyReminder(tx: Tx, data: ReminderData, applied: Applied): Promise<void> {
  const message = await tx.get("messages", data.messageId);
  if (message === undefined || message.mine) return;
  // Who is reminded so that it is delivered has it by now, and has seen nothing of it yet.
  const until = data.priority === 1 ? "acknowledged" : isAtLeast(data.until, "read") ? data.until : "read";
  if (isAtLeast(message.state, until)) return;
  // A banner that was closed stands again.
  const risen: Message = message.banner === undefined ? message : { ...message, banner: 1 };
  await putMessage(tx, risen);
  applied.reminded.push(risen);
  applied.chats.add(data.chatId);
}

async function applySelf(tx: Tx, seq: number, data: SelfData, state: State, applied: Applied): Promise<void> {
  // There may be thousands: they are asked for together, and what was read here already is not written again.
  const found = await Promise.all(data.messageIds.map((id) => tx.get("messages", id)));
  const behind = found.filter((message) => message !== undefined && !isAtLeast(message.state, state));
  await putMessages(
    tx,
    data.chatId,
    behind.flatMap((message) => (message === undefined ? [] : [advanced(message, state)])),
  );
  const chat = await tx.get("chats", data.chatId);
  // What was read here and has not been told yet is not in the server's count: the lower one holds.
  if (chat !== undefined && seq > chat.asOf) {
    await tx.put("chats", { ...chat, unread: Math.min(chat.unread, data.unread) });
  }
  applied.chats.add(data.chatId);
}

/** The answer to a reply: the message takes the place of the act, in one transaction. */
export async function applySent(
  tx: Tx,
  me: Pick<MessageData, "fromUserId" | "fromUserName">,
  n: number,
  sent: SentMessage,
): Promise<string | undefined> {
  const act = await tx.get("outbox", n);
  if (act?.kind !== "reply") return undefined;
  await tx.remove("outbox", n);
  const told: Message = {
    messageId: sent.messageId,
    chatId: sent.chatId,
    position: sent.position,
    from: me.fromUserId,
    fromName: me.fromUserName,
    text: act.text,
    priority: act.priority,
    sentAt: sent.sentAt,
    ...(act.replyTo ? { replyTo: act.replyTo } : {}),
    mine: true,
    recipients: Object.fromEntries(sent.recipients.map((r) => [r.userId, { state: r.state }])),
    state: "accepted",
  };
  const message = merged(await tx.get("messages", sent.messageId), told);
  await keepMessage(tx, message);
  if (act.isSos) await noteSosSent(tx, act.key, sent.messageId);
  const chat = await tx.get("chats", sent.chatId);
  if (chat !== undefined) {
    // `lastPosition` stays behind: what comes before this message in the log is still to be counted as unread.
    place(chat, message);
    await tx.put("chats", chat);
  }
  return act.chatId;
}

/** A chat as the server lists it, at the place `asOf` in the log. */
export async function applySummary(tx: Tx, me: string, summary: ChatSummary, asOf: number): Promise<void> {
  const chat = await chatOf(tx, summary.chatId, summary.userIds);
  const next: Chat = { ...chat, activity: summary.lastActivityAt, unread: summary.unread, asOf };
  if (summary.lastMessage) {
    const message = merged(
      await tx.get("messages", summary.lastMessage.messageId),
      messageFromView(summary.lastMessage, me),
    );
    await keepMessage(tx, message);
    next.last = message;
    next.lastPosition = message.position;
    await sayDelivered(tx, [message]);
  }
  await tx.put("chats", next);
}

/** A page of history. What is stored by it and was not delivered is said to be, once it is stored. */
export async function applyHistory(tx: Tx, me: string, page: MessagesPage): Promise<void> {
  const fresh: Message[] = [];
  for (const view of page.messages) {
    const known = await tx.get("messages", view.messageId);
    const message = merged(known, messageFromView(view, me));
    await putMessage(tx, message);
    if (known !== undefined) continue;
    fresh.push(message);
    // An own one that the log has not told of yet was sent a moment ago: the act that waits for its answer is this message.
    const told = (await tx.get("chats", message.chatId))?.lastPosition ?? 0;
    if (message.mine && message.position > told) await tieToAct(tx, message);
  }
  await sayDelivered(tx, fresh);
}

/**
 * A message that a push named, before the log tells of it. It is counted as unread now, and marked, so that the log does
 * not count it again; the place in the log and the positions of the chat stay, since others may come before it.
 */
export async function applyPushed(tx: Tx, me: string, view: MessageView): Promise<void> {
  const known = await tx.get("messages", view.messageId);
  const fresh = messageFromView(view, me);
  const message = merged(known, fresh);
  const chat = await tx.get("chats", view.chatId);
  const isNew = known === undefined && !message.mine && !isAtLeast(message.state, "read");
  if (chat !== undefined && isNew && message.position > chat.lastPosition) {
    message.ahead = 1;
    chat.unread += 1;
  }
  await keepMessage(tx, message);
  if (chat !== undefined) {
    place(chat, message);
    await tx.put("chats", chat);
  }
  if (known === undefined) await sayDelivered(tx, [message]);
}

async function sayDelivered(tx: Tx, messages: Message[]): Promise<void> {
  const waiting = messages.filter((message) => !message.mine && message.state === "accepted");
  if (waiting.length === 0) return;
  for (const message of waiting) await putMessage(tx, { ...message, state: "delivered" });
  const receipts = waiting.map(({ messageId }) => ({ messageId, state: "delivered" as const }));
  await tx.queue({ kind: "receipts", receipts, at: "" });
}
