// Sends what waits: in order, an SOS first, one after the other, each with the key that it had the first time. What the server refuses
// for good is shown with the reason and holds nothing up; anything else is tried again.

import type { Local } from "./local.ts";
import type { Act } from "./model.ts";
import { CallError } from "./net.ts";
import { inOrder, leaveOut } from "./sos.ts";
import type { ChatData, Command, NewChat, ReceiptSaid, SentMessage, SocketReply } from "./wire.ts";

/** Most receipts of one call. */
const RECEIPTS_MAX = 1000;

/** Whom things are said to: a session on a socket, or calls. */
export interface Speaker {
  readonly isLive: boolean;
  command<T>(command: Command): Promise<T>;
}

/** Sends everything that waits. Rejects with what stopped it; what was sent by then is gone from the outbox. */
export async function drain(local: Local, session: Speaker): Promise<void> {
  for (;;) {
    const acts = inOrder((await local.outbox()).filter((act) => act.refused === undefined));
    const first = acts[0];
    if (first === undefined || !session.isLive) return;
    try {
      if (first.kind === "reply") {
        const reply = replyOf((await local.markTried(first.n)) ?? first);
        await local.takeSent(first.n, await session.command<SentMessage>({ reply }));
      } else if (first.kind === "chat") {
        await local.keepChat(await session.command<ChatData>({ createChat: newChatOf(first) }), first.at, first.chatId);
      } else {
        const together = receiptsTogether(acts);
        await session.command({ receipts: together.receipts });
        await local.dropActs(together.numbers);
      }
    } catch (error) {
      if (!isForGood(error)) throw error;
      if (
        error.fields.length > 0 &&
        (await local.inTx((tx) =>
          leaveOut(
            tx,
            first.n,
            error.fields.map(({ field }) => field),
          ),
        ))
      )
        continue;
      await local.refuseAct(first.n, error.message);
    }
  }
}

/** Whether asking again cannot help: the request itself is at fault. */
export function isForGood(error: unknown): error is CallError {
  return (
    error instanceof CallError && error.status >= 400 && error.status < 500 && ![401, 408, 429].includes(error.status)
  );
}

function newChatOf({ toUserIds, toGroups }: Act & { kind: "chat" }): NewChat {
  if (toGroups === undefined) return { toUserIds };
  return toUserIds.length > 0 ? { toUserIds, toGroups } : { toGroups };
}

function replyOf(act: Act & { kind: "reply" }): SocketReply {
  const reply: SocketReply = { chatId: act.chatId, message: act.text, priority: act.priority, idempotencyKey: act.key };
  if (act.replyTo !== undefined) reply.replyTo = act.replyTo;
  if (act.readUpTo !== undefined) reply.readUpTo = act.readUpTo;
  return reply;
}

/** The receipts at the head of what waits, as far as one call takes them. */
function receiptsTogether(acts: Act[]): { numbers: number[]; receipts: ReceiptSaid[] } {
  const numbers: number[] = [];
  const receipts: ReceiptSaid[] = [];
  for (const act of acts) {
    if (act.kind !== "receipts") break;
    if (numbers.length > 0 && receipts.length + act.receipts.length > RECEIPTS_MAX) break;
    numbers.push(act.n);
    receipts.push(...act.receipts);
  }
  return { numbers, receipts };
}
