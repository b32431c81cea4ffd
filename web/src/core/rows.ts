// A conversation as the rows of a list: messages, days, what waits, the line "New", and gaps. Pure.

import type { Act, Message, ReplyAct } from "./model.ts";
import { isAtLeast } from "./model.ts";

export type Row =
  | { kind: "day"; key: string; at: string }
  | { kind: "new"; key: string }
  | { kind: "gap"; key: string }
  | { kind: "message"; key: string; message: Message; isFirst: boolean }
  | { kind: "waiting"; key: string; act: Act & ReplyAct };

/**
 * The rows from the oldest to the newest. `dayOf` names the day of a time where this device is; `newFrom` is the position
 * of the first message that was unread when the conversation was opened.
 */
export function rowsOf(
  messages: Message[],
  waiting: (Act & ReplyAct)[],
  newFrom: number | undefined,
  dayOf: (time: string) => string,
): Row[] {
  const rows: Row[] = [];
  let day = "";
  let before: Message | undefined;
  for (const message of messages) {
    const today = dayOf(message.sentAt);
    const startsDay = today !== day;
    if (before !== undefined && message.position > before.position + 1)
      rows.push({ kind: "gap", key: `gap ${message.messageId}` });
    if (startsDay) rows.push({ kind: "day", key: `day ${today}`, at: message.sentAt });
    const isNew = newFrom === message.position;
    if (isNew) rows.push({ kind: "new", key: "new" });
    const isFirst =
      startsDay ||
      isNew ||
      before?.from !== message.from ||
      before.fromName !== message.fromName ||
      minutesBetween(before, message) > 5;
    rows.push({ kind: "message", key: message.messageId, message, isFirst });
    day = today;
    before = message;
  }
  for (const act of waiting) rows.push({ kind: "waiting", key: act.key, act });
  return rows;
}

function minutesBetween(a: Message, b: Message): number {
  return (Date.parse(b.sentAt) - Date.parse(a.sentAt)) / 60_000;
}

/** The position of the first message that this person has not read, if there is one. */
export function firstUnread(messages: Message[]): number | undefined {
  return messages.find((message) => !message.mine && !isAtLeast(message.state, "read"))?.position;
}

/** Where older messages are missing between two that are here: the position of the one above the gap. */
export function gapBelow(messages: Message[]): number | undefined {
  for (let at = messages.length - 1; at > 0; at--) {
    const [older, newer] = [messages[at - 1], messages[at]];
    if (older && newer && newer.position > older.position + 1) return newer.position;
  }
  return undefined;
}

/** The rows that lie in a window of a list, by the place of each row's beginning; the last place is the end of all. */
export function visible(places: number[], top: number, bottom: number): { from: number; to: number } {
  const rows = places.length - 1;
  const find = (y: number) => {
    let [low, high] = [0, rows];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((places[middle + 1] ?? 0) > y) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  return { from: find(top), to: Math.min(rows, find(bottom) + 1) };
}
