// What a desk has to do something about, from what this device keeps: by priority, then by age. Pure.

import type { Act, Chat, Message } from "./model.ts";
import { tally } from "./model.ts";

/**
 * Of what kind: an emergency to be acknowledged here, one that others have not, silent recipients, a question that nobody has
 * answered, what waits, unread.
 */
export type NeedKind = "alarm" | "emergency" | "silent" | "answer" | "waiting" | "unread";

export interface Need {
  key: string;
  kind: NeedKind;
  since: string;
  /** What it is about, in words of people. */
  text: string;
  chatId: string;
  messageId?: string;
  /** Who is watched, where it is of one whom this person watches. */
  via?: string;
  from?: string;
  /** How many of how many are missing, or how many messages. */
  count: number;
  all: number;
  /** Who is missing, where it is one alone. */
  who?: string;
  /** Why the server will not take it. */
  refused?: string;
}

export interface Facts {
  /** Emergencies to this person that are not acknowledged. */
  emergencies: Message[];
  /** Own messages, and messages of those who are watched, of which something is still to come. */
  due: (Message & { via?: string })[];
  waiting: Act[];
  chats: Chat[];
  now: number;
}

/** A recipient is silent when no device has had the message for so long. */
export const SILENT_AFTER_MS = 10_000;
/** What is older is history: it is found by its chat, and stands here no more. */
export const NEEDED_MS = 48 * 3_600_000;

/** How questions end: Latin, Arabic, and full width. */
const QUESTION = new Set(["?", "؟", "？"]);
const ORDER: Record<NeedKind, number> = { alarm: 0, emergency: 0, silent: 1, answer: 2, waiting: 3, unread: 4 };

export function needsOf({ emergencies, due, waiting, chats, now }: Facts): Need[] {
  const needs: Need[] = [];
  for (const message of emergencies) needs.push({ ...of(message, "alarm"), count: 1, all: 1 });
  const alarms = new Set(emergencies.map(({ chatId }) => chatId));
  for (const message of due) {
    const need = dueOf(message, now);
    if (need !== undefined) needs.push(need);
  }
  for (const act of waiting) {
    if (act.kind !== "reply") continue;
    const { chatId, key, at, text } = act;
    const need: Need = { key: `waits ${key}`, kind: "waiting", since: at, text, chatId, count: 1, all: 1 };
    needs.push(act.refused === undefined ? need : { ...need, refused: act.refused });
  }
  for (const chat of chats) {
    const { chatId, unread, last } = chat;
    if (last === undefined || alarms.has(chatId)) continue;
    if (isOpenQuestion(last, now)) {
      needs.push({ ...of(last, "answer"), count: 1, all: 1 });
      continue;
    }
    if (unread === 0) continue;
    const need: Need = { ...of(last, "unread"), key: `unread ${chatId}`, count: unread, all: unread };
    needs.push(need);
  }
  return needs.sort((a, b) => ORDER[a.kind] - ORDER[b.kind] || (a.since < b.since ? -1 : a.since > b.since ? 1 : 0));
}

function of(message: Message, kind: NeedKind): Omit<Need, "count" | "all"> {
  const { messageId, chatId, sentAt, text, fromName } = message;
  return { key: `${kind} ${messageId}`, kind, since: sentAt, text, chatId, messageId, from: fromName };
}

/** Whether a question of somebody else stands last in its chat: whoever answers it ends that, and nothing else does. */
function isOpenQuestion({ mine, text, sentAt }: Message, now: number): boolean {
  return !mine && QUESTION.has(text.trimEnd().at(-1) ?? "") && now - Date.parse(sentAt) <= NEEDED_MS;
}

function dueOf(message: Message & { via?: string }, now: number): Need | undefined {
  const age = now - Date.parse(message.sentAt);
  if (age > NEEDED_MS) return undefined;
  const recipients = Object.entries(message.recipients);
  const sums = tally(recipients.map(([, recipient]) => recipient));
  const isEmergency = message.priority === 1;
  const missing = isEmergency ? sums.all - sums.acknowledged : sums.silent;
  if (missing === 0 || (!isEmergency && age < SILENT_AFTER_MS)) return undefined;
  const first = recipients.find(([, { state }]) => (isEmergency ? state !== "acknowledged" : state === "accepted"));
  return {
    ...of(message, isEmergency ? "emergency" : "silent"),
    count: missing,
    all: sums.all,
    ...(message.via === undefined ? {} : { via: message.via }),
    ...(missing === 1 && first !== undefined ? { who: first[0] } : {}),
  };
}
