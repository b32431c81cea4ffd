// What reading changes: the messages, the count of unread, and what is to be told of it. Each function runs in a
// transaction that its caller opened.

import { putMessage, putMessages } from "./apply.ts";
import type { Tx } from "./database.ts";
import { advanced, isAtLeast } from "./model.ts";
import type { ReceiptSaid } from "./wire.ts";

export async function readIn(
  tx: Tx,
  chatId: string,
  upTo: number,
  emergencies: string[],
  at: string,
): Promise<boolean> {
  const chat = await tx.get("chats", chatId);
  if (chat === undefined) return false;
  const receipts: ReceiptSaid[] = [];
  let count = 0;
  const rows = await tx.messages(chatId, chat.readTo + 1, upTo, Number.MAX_SAFE_INTEGER);
  const unread = rows.filter((row) => !row.mine && !isAtLeast(row.state, "read"));
  const quiet = unread.filter((row) => row.priority !== 1);
  await putMessages(
    tx,
    chatId,
    quiet.map((row) => advanced(row, "read")),
  );
  count += quiet.length;
  // "Up to" needs the newest one that was on the screen, whoever sent it.
  const newest = rows[0];
  if (count > 0 && newest !== undefined) receipts.push({ chatId, readUpTo: newest.messageId, at });
  for (const messageId of emergencies) {
    const row = await tx.get("messages", messageId);
    if (row === undefined || row.mine || isAtLeast(row.state, "read")) continue;
    await putMessage(tx, advanced(row, "read"));
    receipts.push({ messageId, state: "read", at });
    count += 1;
  }
  const after = await tx.get("chats", chatId);
  if (after !== undefined) await tx.put("chats", { ...after, readTo: Math.max(after.readTo, upTo) });
  await countRead(tx, chatId, count);
  if (receipts.length > 0) await tx.queue({ kind: "receipts", receipts, at });
  return receipts.length > 0;
}

export async function countRead(tx: Tx, chatId: string, count: number): Promise<void> {
  const chat = await tx.get("chats", chatId);
  if (chat !== undefined && count > 0) await tx.put("chats", { ...chat, unread: Math.max(0, chat.unread - count) });
}

/** At most so many messages of a chat are looked through for what is not read. */
const LOOK = 500;

/** The newest message of a chat before which nothing is unread; emergencies are read by themselves and do not count. */
export async function readSoFar(tx: Tx, chatId: string): Promise<string | undefined> {
  const rows = await tx.messages(chatId, 1, Number.MAX_SAFE_INTEGER, LOOK);
  const unread = rows.findLastIndex((row) => !row.mine && row.priority !== 1 && !isAtLeast(row.state, "read"));
  return rows[unread + 1]?.messageId;
}
