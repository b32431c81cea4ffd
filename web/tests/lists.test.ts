// The lists of all screens in one reading: they say what each of them says by itself.

import { IDBFactory } from "fake-indexeddb";
import { expect, test } from "vitest";
import { listsIn } from "../src/core/lists.ts";
import { Local } from "../src/core/local.ts";
import type { WireEvent } from "../src/core/wire.ts";
import { ME } from "./server.ts";

function received(seq: number, chatId: string, priority: 1 | 2 | 3): WireEvent {
  const timestamp = new Date(Date.UTC(2026, 10, 23) + seq * 1_000).toISOString();
  const from = { fromUserId: "bob", fromUserName: "Bob", allUserIds: [ME, "bob", chatId] };
  const data = { messageId: `m${seq}`, chatId, position: seq, ...from, message: "text", priority, sentAt: timestamp };
  return { seq, type: "message.received", timestamp, data };
}

test("one reading has the chats that changed, what waits, what alerts, and which toasts were read", async () => {
  const local = await Local.open("crewline", new IDBFactory());
  await local.signIn({ userId: ME, name: "Alice", role: "crew" });
  await local.takeSnapshot({ epoch: "e1", chats: [{ chats: [], asOf: 0 }], unread: [] }, true);
  const { arrived } = await local.takeEvents([
    received(1, "c1", 2),
    received(2, "c2", 1),
    received(3, "c3", 3),
    received(4, "c4", 3),
    received(5, "c5", 2),
  ]);
  const chats = await local.chats();
  await local.read("c1", 1, [], "at");
  await local.closeBanner("c3");
  await local.reply({ chatId: "c2", text: "mine", key: "k", at: "at" });
  const changed = new Set(["c1", "c2", "c3"]);
  const shown = { chats, changed, toasts: arrived, openId: "c5" };
  const lists = await local.look((tx) => listsIn(tx, shown));
  expect(lists.chats).toEqual(await local.chats());
  expect(lists.people).toBeUndefined();
  expect(lists.waiting).toEqual(await local.outbox());
  expect(lists.waiting.length).toBe(2);
  expect(lists.emergencies.map(({ messageId }) => messageId)).toEqual(["m2"]);
  expect(lists.banners.map(({ messageId }) => messageId)).toEqual(["m4"]);
  expect(lists.standing).toBe(await local.standing());
  expect(lists.read).toEqual(new Set(["m1"]));
  expect(lists.openId).toBe("c5");
  expect(lists.sos).toEqual({ phase: "none" });
  const all = await local.look((tx) => listsIn(tx, { ...shown, chats: [], changed: "all" }));
  expect(all.chats).toEqual(await local.chats());
  expect(all.people).toEqual([]);
  local.close();
});
