// What the server says and hears, as far as this app needs it. The contract is docs/reference-http.md and
// docs/reference-socket.md, the limits docs/operations-limits.md; nothing here decides anything.

export type State = "accepted" | "delivered" | "read" | "acknowledged";
/** Most characters of a text: an emoji is one, or a few, but never the two that a browser makes of it. */
export const TEXT_MAX = 4_000;
/** 1 emergency, 2 an alert that passes, 3 an alert that stays. */
export type Priority = 1 | 2 | 3;

export interface MessageData {
  messageId: string;
  chatId: string;
  position: number;
  fromUserId: string;
  fromUserName: string;
  allUserIds: string[];
  message: string;
  priority: Priority;
  sentAt: string;
  replyTo?: string | null;
}

export interface ReceiptData {
  messageId: string;
  chatId: string;
  userId: string;
  at: string;
}

/** A message comes back to the mind of somebody who has not come far enough with it. */
export interface ReminderData {
  messageId: string;
  chatId: string;
  byUserId: string;
  at: string;
  until: State;
  priority: Priority;
}

export interface SelfData {
  chatId: string;
  messageIds: string[];
  unread: number;
}

export interface ChatData {
  chatId: string;
  userIds: string[];
}

/** An event of the log. Kinds that are not known here are skipped. */
export interface WireEvent {
  seq: number;
  type: string;
  timestamp: string;
  data: unknown;
}

export interface RecipientView {
  userId: string;
  state: State;
  deliveredAt?: string | null;
  readAt?: string | null;
  acknowledgedAt?: string | null;
}

export interface ReminderView {
  at: string;
  byUserId: string;
  until: State;
  userIds: string[];
}

export interface MessageView extends Omit<MessageData, "allUserIds"> {
  recipients: RecipientView[];
  /** Where one message is asked for, by its sender or a watcher. */
  reminders?: ReminderView[] | null;
}

export interface ChatSummary {
  chatId: string;
  userIds: string[];
  lastActivityAt: string;
  lastMessage?: MessageView | null;
  unread: number;
}

export interface ChatsPage {
  chats: ChatSummary[];
  asOf: number;
  next?: string | null;
}

export interface MessagesPage {
  messages: MessageView[];
  asOf: number;
  next?: string | null;
}

export interface Person {
  userId: string;
  name: string;
  kind: "user" | "external";
}

export interface PeoplePage {
  people: Person[];
  next?: string | null;
}

/** Left out or null at the end. */
export type Page<T> = T & { next?: string | null };

export interface ToGroup {
  groupId: string;
  onDutyOnly?: boolean | null;
}

/** The group of everyone on duty: nobody keeps it, and no list has it. */
export const ON_DUTY = "on-duty";

export interface Group {
  groupId: string;
  name: string;
  userIds: string[];
}

export interface GroupsPage {
  groups: Group[];
  next?: string | null;
}

/** A stock phrase, as an administrator keeps it. */
export interface Phrase {
  phraseId: string;
  text: string;
  shortcut?: string | null;
  priority?: Priority | null;
}

/** What the organisation keeps, as far as it is needed here. */
export interface Organisation {
  sos: {
    toUsers?: string[] | null;
    toGroups?: ToGroup[] | null;
    toExternals?: string[] | null;
    phone?: string | null;
  };
  phone: { number?: string | null };
}

export interface Me {
  userId: string;
  name: string;
  role: string;
  /** Whose logs this person may read. */
  watches?: string[];
}

export interface SentMessage {
  messageId: string;
  chatId: string;
  position: number;
  sentAt: string;
  recipients: { userId: string; state: State }[];
}

export interface FieldError {
  field: string;
  code: string;
  detail: string;
}

export interface Problem {
  status: number;
  code: string;
  detail: string;
  errors?: FieldError[] | null;
}

export type ReceiptSaid =
  | { messageId: string; state: State; at?: string }
  | { chatId: string; readUpTo: string; at?: string };

export interface SocketReply {
  chatId: string;
  message: string;
  priority?: Priority;
  replyTo?: string;
  readUpTo?: string;
  idempotencyKey: string;
}

export interface NewChat {
  toUserIds?: string[];
  toGroups?: ToGroup[];
}

export type Command = { reply: SocketReply } | { receipts: ReceiptSaid[] } | { createChat: NewChat };

export type ServerFrame =
  | { welcome: { epoch: string; head: number; heartbeatS: number } }
  | { events: WireEvent[] }
  | { done: { id: number; ok: unknown } | { id: number; error: Problem } }
  | { error: Problem };
