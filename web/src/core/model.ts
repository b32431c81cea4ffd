// What this device keeps, and the rules that say what it means. Pure: no clock, no browser, no store.

import type { MessageView, Priority, ReceiptSaid, RecipientView, State, ToGroup } from "./wire.ts";

/** What became of a message with one recipient, with the times that are known. */
export interface Recipient {
  state: State;
  deliveredAt?: string;
  readAt?: string;
  acknowledgedAt?: string;
}

export interface Message {
  messageId: string;
  chatId: string;
  position: number;
  from: string;
  fromName: string;
  text: string;
  priority: Priority;
  sentAt: string;
  replyTo?: string;
  mine: boolean;
  /** Of an own message: everyone it went to. Of another's: nobody. */
  recipients: Record<string, Recipient>;
  /** Of another's message: how far it has come with this person, as this device knows or has said. */
  state: State;
  /** Only on an emergency of somebody else that this person has not acknowledged: an index finds these. */
  open?: 1;
  /** Only on a sticky message that is not read: 1 while its banner stands, 2 when the person closed that here. */
  banner?: 1 | 2;
  /** Only on one that a push brought before the log did: it is counted as unread already. */
  ahead?: 1;
  /** Only on an own message that somebody has not got, or not acknowledged: when it was sent. An index finds these. */
  due?: string;
}

export interface Chat {
  chatId: string;
  userIds: string[];
  activity: string;
  last?: Message;
  lastPosition: number;
  unread: number;
  /** Events up to this one are in this row already: it was loaded at that place in the log. */
  asOf: number;
  /** Everything up to this position has been read here. */
  readTo: number;
  /** Made here, and not named by the server yet: its id is this device's own. */
  isMade?: true;
  /** When somebody last looked into it on this device. */
  usedAt?: number;
}

/** Something the person did that the server has not confirmed. Sent in the order of `n`, with the same key each time. */
export type Act = { n: number; at: string; refused?: string } & (ReplyAct | ReceiptsAct | ChatAct);

export interface ReplyAct {
  kind: "reply";
  key: string;
  chatId: string;
  text: string;
  priority: Priority;
  replyTo?: string;
  readUpTo?: string;
  /** Whether it was ever sent: then the log may tell of it before the answer comes. */
  tried: boolean;
  /** The message in the log that this is: it is shown as that, and not a second time. */
  sentAs?: string;
  /** It goes out before everything else. */
  isSos?: true;
}

export interface ReceiptsAct {
  kind: "receipts";
  receipts: ReceiptSaid[];
}

/** A chat that was made here: the server makes it, or finds it, by its people. */
export interface ChatAct {
  kind: "chat";
  chatId: string;
  toUserIds: string[];
  /** Whose members the server adds when it makes the chat. */
  toGroups?: ToGroup[];
  isSos?: true;
}

/** An act before it has its place in the order. */
export type NewAct = { at: string; refused?: string } & (ReplyAct | ReceiptsAct | ChatAct);

const ORDER: Record<State, number> = { accepted: 0, delivered: 1, read: 2, acknowledged: 3 };

/** The newest activity first. */
export function byActivity(a: Chat, b: Chat): number {
  return a.activity < b.activity ? 1 : a.activity > b.activity ? -1 : a.chatId > b.chatId ? -1 : 1;
}

export function isAtLeast(state: State, least: State): boolean {
  return ORDER[state] >= ORDER[least];
}

export function laterState(a: State, b: State): State {
  return ORDER[a] >= ORDER[b] ? a : b;
}

/** A recipient after one more fact: any order and any repetition of facts gives the same state. */
export function withFact(known: Recipient | undefined, state: State, at?: string): Recipient {
  const next: Recipient = { ...known, state: laterState(known?.state ?? "accepted", state) };
  if (at !== undefined) {
    if (state === "delivered") next.deliveredAt ??= at;
    if (state === "read") next.readAt ??= at;
    if (state === "acknowledged") next.acknowledgedAt ??= at;
  }
  return next;
}

export function fromView(view: RecipientView): Recipient {
  let recipient: Recipient = { state: view.state };
  if (view.deliveredAt) recipient = withFact(recipient, "delivered", view.deliveredAt);
  if (view.readAt) recipient = withFact(recipient, "read", view.readAt);
  if (view.acknowledgedAt) recipient = withFact(recipient, "acknowledged", view.acknowledgedAt);
  return recipient;
}

/** The slowest of several recipients: an own message is not more than that. */
export function slowest(recipients: Recipient[]): State {
  let found: State = "acknowledged";
  for (const { state } of recipients) if (ORDER[state] < ORDER[found]) found = state;
  return recipients.length === 0 ? "accepted" : found;
}

export type Word = "waiting" | "atServer" | "delivered" | "read" | "acknowledged";

/** The word under an own message that the server has. */
export function wordOf(message: Message): Exclude<Word, "waiting"> {
  const state = slowest(Object.values(message.recipients));
  return state === "accepted" ? "atServer" : state;
}

/** How many have come how far. Counts include the later states; the silent are those whom no device has told. */
export interface Tally {
  all: number;
  delivered: number;
  read: number;
  acknowledged: number;
  silent: number;
}

export function tally(recipients: Recipient[]): Tally {
  const count = (least: State) => recipients.filter(({ state }) => isAtLeast(state, least)).length;
  const delivered = count("delivered");
  const all = recipients.length;
  return { all, delivered, read: count("read"), acknowledged: count("acknowledged"), silent: all - delivered };
}

/** A message as a call shows it, for this person. */
export function messageFromView(view: MessageView, me: string): Message {
  const mine = view.fromUserId === me;
  const own = view.recipients.find((recipient) => recipient.userId === me);
  const message: Message = {
    messageId: view.messageId,
    chatId: view.chatId,
    position: view.position,
    from: view.fromUserId,
    fromName: view.fromUserName,
    text: view.message,
    priority: view.priority,
    sentAt: view.sentAt,
    mine,
    recipients: mine ? Object.fromEntries(view.recipients.map((r) => [r.userId, fromView(r)])) : {},
    state: own?.state ?? "accepted",
  };
  if (view.replyTo) message.replyTo = view.replyTo;
  return withAlerts(message, own !== undefined);
}

/** The message with the marks of the alerts that it raises: an emergency until acknowledged, a banner until read. */
export function withAlerts(message: Message, isForMe: boolean): Message {
  const { open: _open, banner: _banner, ...rest } = message;
  if (message.mine || !isForMe) return rest;
  if (message.priority === 1 && !isAtLeast(message.state, "acknowledged")) return { ...rest, open: 1 };
  if (message.priority === 3 && !isAtLeast(message.state, "read")) return { ...rest, banner: 1 };
  return rest;
}

/** Another's message after this person's state went forward, with the alerts that are left of it. */
export function advanced(message: Message, state: State): Message {
  const next = { ...message, state: laterState(message.state, state) };
  if (isAtLeast(next.state, "acknowledged")) delete next.open;
  if (isAtLeast(next.state, "read")) delete next.banner;
  return next;
}

/** The message with the mark of what is still to come of it: an emergency's acknowledgements, of all else its deliveries. */
export function withDue(message: Message): Message {
  const { due: _, ...rest } = message;
  const least = message.priority === 1 ? "acknowledged" : "delivered";
  const isDue = message.mine && Object.values(message.recipients).some(({ state }) => !isAtLeast(state, least));
  return isDue ? { ...rest, due: message.sentAt } : rest;
}

/** The same message as two sources tell of it. Nothing goes back. */
export function merged(known: Message | undefined, told: Message): Message {
  if (known === undefined) return told;
  const recipients = { ...told.recipients };
  for (const [id, recipient] of Object.entries(known.recipients)) {
    recipients[id] = {
      ...recipients[id],
      ...recipient,
      state: laterState(recipients[id]?.state ?? "accepted", recipient.state),
    };
  }
  const next: Message = { ...told, recipients, state: laterState(known.state, told.state) };
  if (known.ahead !== undefined) next.ahead = known.ahead;
  // A banner that was closed here stays closed; one that stands goes when the message was read elsewhere.
  if (known.banner === undefined || isAtLeast(next.state, "read")) delete next.banner;
  else next.banner = known.banner;
  if (isAtLeast(next.state, "acknowledged")) delete next.open;
  return next;
}
