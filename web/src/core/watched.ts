// Messages of those whom this person watches, as those see them, and how far their logs were followed here. They stand in
// tables of their own: nothing of them is unread, alerts, or is said to be delivered.

import type { Database, Tx } from "./database.ts";
import type { Message } from "./model.ts";
import { merged, messageFromView, withDue, withFact } from "./model.ts";
import type { MessageData, MessageView, ReceiptData, State, WireEvent } from "./wire.ts";

export interface WatchedMessage extends Message {
  /** Whose eyes it was seen with. */
  via: string;
}

export interface WatchedLog {
  participantId: string;
  epoch: string;
  /** Up to where its log is stored here. */
  seq: number;
  /** The newest activity of its chats that was looked at: its own messages are in no log. */
  lookedTo: string;
}

export type Taken = { messages: WatchedMessage[] } | { unknown: string[] };

/** At most so many messages are kept of all who are watched; the oldest go. */
export const WATCHED_MAX = 3_000;

const STATES: Record<string, State> = {
  "message.delivered": "delivered",
  "message.read": "read",
  "message.acknowledged": "acknowledged",
};

export class Watched {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  log(participantId: string): Promise<WatchedLog | undefined> {
    return this.database.read((tx) => tx.get("watchedLogs", participantId));
  }

  messages(): Promise<WatchedMessage[]> {
    return this.database.read((tx) => tx.all("watched"));
  }

  unknown(ids: string[]): Promise<string[]> {
    return this.database.read((tx) => unknownOf(tx, ids));
  }

  /** The highest position of a chat that is here, or 0. */
  async newestIn(chatId: string): Promise<number> {
    const all = await this.messages();
    return Math.max(0, ...all.filter((message) => message.chatId === chatId).map(({ position }) => position));
  }

  /** Begins with a log from a reading of the server. What was known of that participant goes. */
  begin(log: WatchedLog, views: MessageView[]): Promise<WatchedMessage[]> {
    return this.database.write(async (tx) => {
      await drop(tx, (message) => message.via === log.participantId);
      await tx.put("watchedLogs", log);
      return keepViews(tx, log.participantId, views);
    });
  }

  /**
   * Stores events and messages, and moves the place in the log, in one transaction. Resolves to what they are about; or to
   * the messages that they tell of and that are neither here nor in `views`, where nothing was stored.
   */
  take(via: string, events: WireEvent[], views?: MessageView[]): Promise<Taken> {
    return this.database.write(async (tx) => {
      const log = await tx.get("watchedLogs", via);
      if (log === undefined) return { messages: [] };
      const unknown = views === undefined ? await unknownOf(tx, toldIn(events)) : [];
      if (unknown.length > 0) return { unknown };
      const touched = new Map<string, WatchedMessage>();
      for (const message of await keepViews(tx, via, views ?? [])) touched.set(message.messageId, message);
      let { seq } = log;
      for (const event of events) {
        // One that another tab has stored changes nothing here, and is shown here too.
        const message = await applyEvent(tx, via, event);
        if (message !== undefined) touched.set(message.messageId, message);
        seq = Math.max(seq, event.seq);
      }
      await tx.put("watchedLogs", { ...log, seq });
      return { messages: [...touched.values()] };
    });
  }

  /** Stores what was found by looking. */
  found(via: string, views: MessageView[], lookedTo: string): Promise<WatchedMessage[]> {
    return this.database.write(async (tx) => {
      const log = await tx.get("watchedLogs", via);
      if (log === undefined) return [];
      if (lookedTo > log.lookedTo) await tx.put("watchedLogs", { ...log, lookedTo });
      return keepViews(tx, via, views);
    });
  }

  /** Keeps nothing of those whom this person does not watch any more, nor more than the bound. */
  keepOnly(watches: string[]): Promise<void> {
    return this.database.write(async (tx) => {
      for (const { participantId } of await tx.all("watchedLogs"))
        if (!watches.includes(participantId)) await tx.remove("watchedLogs", participantId);
      const all = await tx.all("watched");
      const oldest = all.map(({ sentAt }) => sentAt).sort((a, b) => (a < b ? 1 : -1))[WATCHED_MAX] ?? "";
      await drop(tx, ({ via, sentAt }) => !watches.includes(via) || sentAt <= oldest);
    });
  }
}

/** Messages that events tell of and do not hold: its own messages are told of by their receipts alone. */
function toldIn(events: WireEvent[]): string[] {
  const held = new Set(events.filter(({ type }) => type === "message.received").map(idOf));
  const ids = new Set(events.filter(({ type }) => type in STATES).map(idOf));
  return [...ids].filter((id) => !held.has(id));
}

async function unknownOf(tx: Tx, ids: string[]): Promise<string[]> {
  const found = await Promise.all(ids.map((id) => tx.get("watched", id)));
  return ids.filter((_, at) => found[at] === undefined);
}

const idOf = ({ data }: WireEvent) => (data as { messageId: string }).messageId;

async function drop(tx: Tx, isOver: (message: WatchedMessage) => boolean): Promise<void> {
  for (const message of await tx.all("watched")) if (isOver(message)) await tx.remove("watched", message.messageId);
}

async function keepViews(tx: Tx, via: string, views: MessageView[]): Promise<WatchedMessage[]> {
  const kept: WatchedMessage[] = [];
  for (const view of views) kept.push(await keep(tx, via, messageFromView(view, via)));
  return kept;
}

async function keep(tx: Tx, via: string, told: Message): Promise<WatchedMessage> {
  const known = await tx.get("watched", told.messageId);
  // One whom this person watches may be a recipient of another's: who sent it sees more of it.
  if (known !== undefined && known.via !== via && known.mine && !told.mine) return known;
  const { open: _open, banner: _banner, ...message } = merged(known?.via === via ? known : undefined, told);
  const row = { ...withDue(message), via };
  await tx.put("watched", row);
  return row;
}

async function applyEvent(tx: Tx, via: string, event: WireEvent): Promise<WatchedMessage | undefined> {
  if (event.type === "message.received") return keep(tx, via, received(event.data as MessageData));
  const state = STATES[event.type];
  if (state === undefined) return undefined;
  const { messageId, userId, at } = event.data as ReceiptData;
  const message = await tx.get("watched", messageId);
  if (message === undefined || message.via !== via) return message;
  const recipients = { ...message.recipients, [userId]: withFact(message.recipients[userId], state, at) };
  const row = { ...withDue({ ...message, recipients }), via };
  await tx.put("watched", row);
  return row;
}

function received(data: MessageData): Message {
  const { messageId, chatId, position, sentAt, priority } = data;
  return {
    messageId,
    chatId,
    position,
    from: data.fromUserId,
    fromName: data.fromUserName,
    text: data.message,
    priority,
    sentAt,
    ...(data.replyTo ? { replyTo: data.replyTo } : {}),
    mine: false,
    recipients: {},
    state: "delivered",
  };
}
