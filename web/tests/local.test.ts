// What comes in an order that nobody likes.

import { IDBFactory } from "fake-indexeddb";
import { expect, test } from "vitest";
import { Local } from "../src/core/local.ts";
import type { WireEvent } from "../src/core/wire.ts";
import { ME } from "./server.ts";

async function local(): Promise<Local> {
  const local = await Local.open("crewline", new IDBFactory());
  await local.signIn({ userId: ME, name: "Alice", role: "crew" });
  await local.takeSnapshot({ epoch: "e1", chats: [{ chats: [], asOf: 0 }], unread: [] }, true);
  return local;
}

function received(seq: number, position: number): WireEvent {
  const timestamp = "2026-11-23T03:00:00.000Z";
  const data = {
    messageId: `m${position}`,
    chatId: "c1",
    position,
    fromUserId: "bob",
    fromUserName: "Bob",
    allUserIds: [ME, "bob"],
  };
  return {
    seq,
    type: "message.received",
    timestamp,
    data: { ...data, message: "text", priority: 2, sentAt: timestamp },
  };
}

test("events that are told again, as two tabs may hear them, change nothing and take nothing back", async () => {
  const store = await local();
  await store.takeEvents([received(1, 1), received(2, 2), received(3, 3)]);
  const again = await store.takeEvents([received(1, 1)]);
  expect(again.arrived).toEqual([]);
  expect((await store.log())?.seq).toBe(3);
  expect((await store.chat("c1"))?.unread).toBe(3);
});

test("a count that the server made before it heard of what was read here does not come back", async () => {
  const store = await local();
  await store.takeEvents([received(1, 1), received(2, 2)]);
  await store.read("c1", 2, [], "at");
  const timestamp = "2026-11-23T03:00:01.000Z";
  await store.takeEvents([
    { seq: 3, type: "self.read", timestamp, data: { chatId: "c1", messageIds: ["m1"], unread: 1 } },
  ]);
  expect((await store.chat("c1"))?.unread).toBe(0);
});

test("a message that stands before an own one and comes after it can still be read", async () => {
  const store = await local();
  await store.takeEvents([received(1, 1)]);
  await store.reply({ chatId: "c1", text: "mine", key: "k", at: "at" });
  const sent = { messageId: "m3", chatId: "c1", position: 3, sentAt: "2026-11-23T03:00:02.000Z" };
  await store.takeSent(1, { ...sent, recipients: [{ userId: "bob", state: "accepted" }] });
  expect(await store.read("c1", 3, [], "at")).toBe(true);
  await store.takeEvents([received(2, 2)]);
  expect((await store.chat("c1"))?.unread).toBe(1);
  expect((await store.chat("c1"))?.last?.messageId).toBe("m3");
  expect(await store.read("c1", 3, [], "at")).toBe(true);
  expect((await store.chat("c1"))?.unread).toBe(0);
  expect((await store.outbox()).length).toBe(2);
});

test("what cannot be kept is refused where it is done, changes nothing, and tells nobody that anything changed", async () => {
  const store = await local();
  const urgent = received(1, 1);
  Object.assign(urgent.data as object, { priority: 1 });
  await store.takeEvents([urgent, received(2, 2)]);
  let changes = 0;
  store.listen(() => (changes += 1));
  const { add } = IDBObjectStore.prototype;
  try {
    IDBObjectStore.prototype.add = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    await expect(store.acknowledge("m1", "at")).rejects.toThrow("full");
    await expect(store.reply({ chatId: "c1", text: "x", key: "k", at: "at" })).rejects.toThrow("full");
    await expect(store.read("c1", 2, ["m1"], "at")).rejects.toThrow("full");
    await expect(store.startChat("new-1", ["dora"], "at")).rejects.toThrow("full");
  } finally {
    IDBObjectStore.prototype.add = add;
  }
  expect(changes).toBe(0);
  expect((await store.emergencies()).map(({ messageId }) => messageId)).toEqual(["m1"]);
  expect((await store.chat("c1"))?.unread).toBe(2);
  expect(await store.outbox()).toEqual([]);
  expect((await store.chats()).length).toBe(1);
  // And once there is room, the same again does it.
  await store.acknowledge("m1", "at");
  expect(await store.emergencies()).toEqual([]);
  expect((await store.outbox()).length).toBe(1);
});
