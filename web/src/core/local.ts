// What this device keeps, and what a person does with it. Every act is written together with what it changes here, in one
// transaction: what is shown as done waits to be told, and what waits to be told is shown.

import type { Applied } from "./apply.ts";
import { applyChat, applyEvents, applyHistory, applyPushed, applySent, applySummary, putMessage } from "./apply.ts";
import { dropOldest, planIn } from "./bound.ts";
import type { DeviceNote, Tx } from "./database.ts";
import { Database, NAMES } from "./database.ts";
import { bannersOf, byTime } from "./lists.ts";
import { discardChat, refuseChat, startChat, whereIs, whyRefused } from "./made.ts";
import type { Act, Chat, Message, ReplyAct } from "./model.ts";
import { advanced, byActivity, isAtLeast } from "./model.ts";
import { countRead, readIn, readSoFar } from "./reading.ts";
import { Watched } from "./watched.ts";
import type {
  ChatData,
  ChatsPage,
  Me,
  MessagesPage,
  MessageView,
  Person,
  Priority,
  SentMessage,
  ToGroup,
  WireEvent,
} from "./wire.ts";

/** Who wants to know that chats changed; "all" where it may be anything. */
export type Listener = (chats: Set<string> | "all", isElsewhere: boolean) => void;

export interface NewReply {
  chatId: string;
  text: string;
  key: string;
  at: string;
  priority?: Priority;
  replyTo?: string | undefined;
  readUpTo?: string | undefined;
}

/** A reading of the server, to begin from: all chats, and every message that nobody here may have seen. */
export interface Snapshot {
  epoch: string;
  chats: ChatsPage[];
  unread: MessagesPage[];
}

export interface Conversation {
  /** Oldest first. */
  messages: Message[];
  waiting: (Act & ReplyAct)[];
}

/** How long a note of the last use may be behind. */
const USE_MS = 60_000;
/** At most so many messages are dropped in one transaction: nobody who waits for the store notices. */
const DROP = 100;

/** More than any position that a chat reaches. */
export const END = Number.MAX_SAFE_INTEGER;

export class Local {
  private readonly database: Database;
  private readonly listeners = new Set<Listener>();

  /** What is kept of those whom this person watches. */
  readonly watched: Watched;

  private constructor(database: Database) {
    this.database = database;
    this.watched = new Watched(database);
  }

  static async open(name: string, factory: IDBFactory): Promise<Local> {
    return new Local(await Database.open(name, factory));
  }

  close(): void {
    this.database.close();
  }

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Another page on this device changed something. */
  hearElsewhere(chats: Set<string> | "all"): void {
    for (const listener of this.listeners) listener(chats, true);
  }

  private changed(chats: Set<string> | "all"): void {
    for (const listener of this.listeners) listener(chats, false);
  }

  me(): Promise<Me | undefined> {
    return this.database.read((tx) => tx.note("me"));
  }

  log(): Promise<{ epoch: string; seq: number } | undefined> {
    return this.database.read((tx) => tx.note("log"));
  }

  lastContact(): Promise<number | undefined> {
    return this.database.read((tx) => tx.note("contact"));
  }

  setContact(now: number): Promise<void> {
    return this.database.write((tx) => tx.setNote("contact", now));
  }

  /** The chats, the newest activity first. */
  async chats(): Promise<Chat[]> {
    return (await this.database.read((tx) => tx.all("chats"))).sort(byActivity);
  }

  chat(chatId: string): Promise<Chat | undefined> {
    return this.database.read(async (tx) => tx.get("chats", await whereIs(tx, chatId)));
  }

  /** Where a chat is now: one that was made here may have the server's name meanwhile. */
  whereIs(chatId: string): Promise<string> {
    return this.database.read((tx) => whereIs(tx, chatId));
  }

  /** What waits, in the order in which it will go out. */
  outbox(): Promise<Act[]> {
    return this.database.read((tx) => tx.all("outbox"));
  }

  message(messageId: string): Promise<Message | undefined> {
    return this.database.read((tx) => tx.get("messages", messageId));
  }

  /** Messages from `low` to below `before`, oldest first: the `limit` newest of them. */
  async messages(chatId: string, low: number, before: number, limit: number): Promise<Message[]> {
    const found = await this.database.read((tx) => tx.messages(chatId, low, before - 1, limit));
    return found.reverse();
  }

  /**
   * A piece of a conversation, and what was written into it and waits: in one reading, so that nothing is seen twice or
   * not at all while the answer to it comes.
   */
  async conversation(chatId: string, low: number, before: number, limit: number): Promise<Conversation> {
    return this.database.read(async (tx) => {
      const place = await whereIs(tx, chatId);
      const messages = await tx.messages(place, low, before - 1, limit);
      const waiting = (await tx.all("outbox")).filter(
        (act) => act.kind === "reply" && act.chatId === place && act.sentAs === undefined,
      );
      return { messages: messages.reverse(), waiting: waiting as Conversation["waiting"] };
    });
  }

  /** Emergencies that wait for this person, the oldest first: a newer one never hides them. */
  async emergencies(): Promise<Message[]> {
    return byTime(await this.database.read((tx) => tx.marked("open")));
  }

  async banners(): Promise<Message[]> {
    return bannersOf(await this.database.read((tx) => tx.marked("banner")));
  }

  /** Begins for a person. What another person left on this device goes. */
  signIn(me: Me): Promise<void> {
    return this.write("all", async (tx) => {
      const before = await tx.note("me");
      if (before !== undefined && before.userId !== me.userId) await wipe(tx);
      await tx.setNote("me", me);
    });
  }

  /** Leaves nothing of the person on this device, what waits included. */
  clear(): Promise<void> {
    return this.write("all", wipe);
  }

  keepPeople(people: Person[]): Promise<void> {
    return this.write("all", async (tx) => {
      for (const person of people) await tx.put("people", person);
    });
  }

  /** A chat that this person made: the log tells of it too, maybe later. */
  keepChat(chat: ChatData, at: string, madeAs?: string): Promise<void> {
    return this.write("all", (tx) => applyChat(tx, chat, at, madeAs));
  }

  /** Makes a chat here, to be made at the server when there is contact; resolves to its id, or to that of the known one. */
  async startChat(
    chatId: string,
    userIds: string[],
    at: string,
    address?: { toUserIds: string[]; toGroups: ToGroup[] },
  ): Promise<string> {
    const found = await this.database.write(async (tx) => {
      const me = await tx.note("me");
      if (me === undefined) throw new Error("a chat was made by nobody");
      return startChat(tx, chatId, userIds, me.userId, at, address);
    });
    this.changed("all");
    return found;
  }

  /** Somebody looks into a chat on this device. */
  use(chatId: string, now: number): Promise<void> {
    return this.database.write(async (tx) => {
      const chat = await tx.get("chats", chatId);
      if (chat !== undefined && now - (chat.usedAt ?? 0) > USE_MS) await tx.put("chats", { ...chat, usedAt: now });
    });
  }

  /** Drops what is over the bound: in small transactions, with a pause before each. Resolves to how many went. */
  async tidy(bytes: number | undefined, now: number, pause: () => Promise<void>): Promise<number> {
    const { drops, size } = await this.database.read((tx) => planIn(tx, bytes, now));
    let all = 0;
    for (const { chatId, count } of drops) {
      let from: number | undefined = 1;
      for (let left = count; left > 0 && from !== undefined; ) {
        await pause();
        const at: number = from;
        const limit = Math.min(left, DROP);
        const { gone, next } = await this.database.write((tx) => dropOldest(tx, chatId, at, limit));
        from = next;
        left -= gone;
        all += gone;
      }
    }
    if (size) await this.database.write((tx) => tx.setNote("tidied", now));
    return all;
  }

  discardChat(chatId: string): Promise<void> {
    return this.write("all", (tx) => discardChat(tx, chatId));
  }

  /** Stores events and moves the place in the log, in one transaction. */
  async takeEvents(events: WireEvent[]): Promise<Applied> {
    const applied = await this.database.write(async (tx) => {
      const me = await tx.note("me");
      if (me === undefined) throw new Error("events came for nobody");
      return applyEvents(tx, me.userId, events);
    });
    if (applied.chats.size > 0) this.changed(applied.chats);
    return applied;
  }

  /** Begins anew from a reading of the server: another log has other numbers. What waits to be told stays. */
  takeSnapshot(snapshot: Snapshot, fresh: boolean): Promise<void> {
    return this.write("all", async (tx) => {
      const me = await tx.note("me");
      if (me === undefined) throw new Error("a snapshot came for nobody");
      if (fresh) {
        const made = (await tx.all("chats")).filter(({ isMade }) => isMade);
        await tx.clear("chats");
        await tx.clear("messages");
        for (const chat of made) await tx.put("chats", chat);
        for (const act of await tx.all("outbox")) {
          if (act.kind === "reply" && act.sentAs !== undefined) await tx.put("outbox", untied(act));
        }
      }
      for (const page of snapshot.chats) {
        for (const summary of page.chats) await applySummary(tx, me.userId, summary, page.asOf);
      }
      for (const page of snapshot.unread) await applyHistory(tx, me.userId, page);
      await tx.setNote("log", { epoch: snapshot.epoch, seq: snapshot.chats[0]?.asOf ?? 0 });
    });
  }

  takeHistory(chatId: string, page: MessagesPage): Promise<void> {
    return this.write(new Set([chatId]), async (tx) => {
      const me = await tx.note("me");
      if (me !== undefined) await applyHistory(tx, me.userId, page);
    });
  }

  /** One message that a push named. */
  takePushed(view: MessageView): Promise<void> {
    return this.write(new Set([view.chatId]), async (tx) => {
      const me = await tx.note("me");
      if (me !== undefined) await applyPushed(tx, me.userId, view);
    });
  }

  /** Work of another module of the core, in one transaction; then all that is shown is read anew. */
  async inTx<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const done = await this.database.write(work);
    this.changed("all");
    return done;
  }

  /** The same, where nothing is changed. */
  look<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.database.read(work);
  }

  async deviceNote(): Promise<DeviceNote> {
    return (await this.database.read((tx) => tx.note("device"))) ?? {};
  }

  setDeviceNote(change: DeviceNote): Promise<void> {
    return this.database.write(async (tx) => tx.setNote("device", { ...(await tx.note("device")), ...change }));
  }

  /** How many alerts stand that do not pass by themselves: important messages that are not read, emergencies that are open. */
  async standing(): Promise<number> {
    return this.database.read(async (tx) => {
      const [open, sticky] = await Promise.all([tx.marked("open"), tx.marked("banner")]);
      return open.length + sticky.length;
    });
  }

  /** A message that the person wrote: it waits here until the server has it. */
  reply(reply: NewReply): Promise<void> {
    return this.write(new Set([reply.chatId]), async (tx) => {
      const chatId = await whereIs(tx, reply.chatId);
      const refused = await whyRefused(tx, chatId);
      await tx.queue({
        kind: "reply",
        key: reply.key,
        chatId,
        text: reply.text,
        priority: reply.priority ?? 2,
        at: reply.at,
        tried: false,
        ...(reply.replyTo ? { replyTo: reply.replyTo } : {}),
        ...(reply.readUpTo ? { readUpTo: reply.readUpTo } : {}),
        ...(refused === undefined ? {} : { refused }),
      });
    });
  }

  /**
   * The person has read the chat up to a position that was on the screen, and the emergencies that were on it: each of
   * those is read by itself. Resolves to whether anything was newly read.
   */
  async read(chatId: string, upTo: number, emergencies: string[], at: string): Promise<boolean> {
    const chat = await this.chat(chatId);
    if (chat === undefined || (upTo <= chat.readTo && emergencies.length === 0)) return false;
    const isNew = await this.database.write((tx) => readIn(tx, chatId, upTo, emergencies, at));
    if (isNew) this.changed(new Set([chatId]));
    return isNew;
  }

  /** The person pressed the button. */
  async acknowledge(messageId: string, at: string): Promise<void> {
    const chatId = await this.database.write(async (tx) => {
      const message = await tx.get("messages", messageId);
      if (message === undefined || message.mine || isAtLeast(message.state, "acknowledged")) return undefined;
      await countRead(tx, message.chatId, isAtLeast(message.state, "read") ? 0 : 1);
      await putMessage(tx, advanced(message, "acknowledged"));
      await tx.queue({ kind: "receipts", receipts: [{ messageId, state: "acknowledged", at }], at });
      return message.chatId;
    });
    if (chatId !== undefined) this.changed(new Set([chatId]));
  }

  /** The person closed the banner of a chat: on this device alone, and it says nothing about reading. */
  async closeBanner(chatId: string): Promise<void> {
    await this.write("all", async (tx) => {
      for (const message of await tx.marked("banner")) {
        if (message.chatId === chatId) await putMessage(tx, { ...message, banner: 2 });
      }
    });
  }

  /**
   * Notes that a reply is about to be sent: from now on the log may tell of it. Resolves to it as it is to be sent: an SOS
   * may go into a chat that nobody looked into now, and reads nothing there that was not read before.
   */
  markTried(n: number): Promise<(Act & ReplyAct) | undefined> {
    return this.database.write(async (tx) => {
      const act = await tx.get("outbox", n);
      if (act?.kind !== "reply" || act.tried) return act?.kind === "reply" ? act : undefined;
      const readUpTo = act.isSos ? await readSoFar(tx, act.chatId) : act.readUpTo;
      const next = { ...act, tried: true, ...(readUpTo === undefined ? {} : { readUpTo }) };
      await tx.put("outbox", next);
      return next;
    });
  }

  async takeSent(n: number, sent: SentMessage): Promise<void> {
    await this.write(new Set([sent.chatId]), async (tx) => {
      const me = await tx.note("me");
      if (me !== undefined) await applySent(tx, { fromUserId: me.userId, fromUserName: me.name }, n, sent);
    });
  }

  async dropActs(numbers: number[]): Promise<void> {
    const chats = new Set<string>();
    await this.database.write(async (tx) => {
      for (const n of numbers) {
        const act = await tx.get("outbox", n);
        if (act !== undefined && "chatId" in act) chats.add(act.chatId);
        await tx.remove("outbox", n);
      }
    });
    // Without any chat: what waits has changed.
    this.changed(chats);
  }

  /** The server will never take this one: it is shown with the reason, and holds nothing up. */
  refuseAct(n: number, reason: string): Promise<void> {
    return this.write("all", async (tx) => {
      const act = await tx.get("outbox", n);
      if (act?.kind === "chat") await refuseChat(tx, act.chatId, reason);
      else if (act !== undefined) await tx.put("outbox", { ...act, refused: reason });
    });
  }

  private async write(chats: Set<string> | "all", work: (tx: Tx) => Promise<void>): Promise<void> {
    await this.database.write(work);
    this.changed(chats);
  }
}

function untied(act: Act & ReplyAct): Act {
  const { sentAs: _, ...rest } = act;
  return rest;
}

async function wipe(tx: Tx): Promise<void> {
  for (const table of NAMES) await tx.clear(table);
}
