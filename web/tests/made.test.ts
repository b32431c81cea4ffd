// A chat that is made without contact: it waits with what is written into it, and gives way to the server's.

import { IDBFactory } from "fake-indexeddb";
import { expect, test } from "vitest";
import { Device } from "./device.ts";
import { FakeClock, FakeServer, settle } from "./server.ts";

async function withoutContact() {
  const [server, clock, disk] = [new FakeServer(), new FakeClock(), new IDBFactory()];
  const device = await Device.start(server, clock, disk);
  await device.agree(server);
  server.isDown = true;
  server.cut();
  await settle();
  return { server, clock, disk, device };
}

test("a chat made without contact survives a restart, is made first, and what was written goes into it in order", async () => {
  const { server, clock, disk, device } = await withoutContact();
  const chatId = await device.startChat("dora", "emil");
  for (const text of ["one", "two"]) await device.reply(chatId, text);
  device.kill();
  const again = await Device.start(server, clock, disk);
  await settle();
  expect(await again.shown(chatId)).toEqual(["one (waits)", "two (waits)"]);
  expect((await again.local.outbox()).map(({ kind }) => kind)).toEqual(["chat", "reply", "reply"]);
  server.isDown = false;
  await again.agree(server);
  const [made] = await again.local.chats();
  expect(made).toMatchObject({ chatId: "s1", userIds: ["alice", "dora", "emil"] });
  expect(made?.isMade).toBeUndefined();
  expect((await again.local.chats()).length).toBe(1);
  expect(await again.shown("s1")).toEqual(["one", "two"]);
  // An address that was kept leads there, and so does what is written by it.
  expect(await again.local.whereIs(chatId)).toBe("s1");
  await again.reply(chatId, "three");
  await again.agree(server);
  expect(server.messages.map(({ data }) => [data.chatId, data.message])).toEqual([
    ["s1", "one"],
    ["s1", "two"],
    ["s1", "three"],
  ]);
});

test("where the same people have a chat already, made elsewhere meanwhile, the messages go there", async () => {
  const { server, device } = await withoutContact();
  await device.reply(await device.startChat("dora"), "from here");
  const { chatId } = server.createChat(["dora"]);
  server.receive(chatId, "dora", "from Dora");
  server.isDown = false;
  device.sync.wake();
  // The log tells of it before the answer does: at no moment are there two.
  server.faults.push("request", "request");
  for (let round = 0; round < 60; round++) {
    await settle(1);
    expect((await device.local.chats()).length).toBe(1);
  }
  await device.agree(server);
  expect((await device.local.chats()).map((chat) => chat.chatId)).toEqual([chatId]);
  expect(await device.shown(chatId)).toEqual(["from Dora", "from here"]);
});

test("a chat that is begun twice is one, and one that is known is found", async () => {
  const { server, device } = await withoutContact();
  expect(await device.startChat("dora")).toBe(await device.startChat("dora"));
  server.isDown = false;
  await device.agree(server);
  expect(await device.startChat("dora")).toBe("s1");
  expect(server.sets.size).toBe(1);
});

test("a chat that the server refuses says why with all that was written into it, holds nothing up, and can be given up", async () => {
  const { server, device } = await withoutContact();
  const chatId = await device.startChat("nobody");
  await device.reply(chatId, "into nothing");
  const other = await device.startChat("dora");
  await device.reply(other, "into a good one");
  server.isDown = false;
  await device.agree(server);
  await device.reply(chatId, "and once more");
  expect((await device.local.outbox()).map(({ refused }) => refused)).toEqual([
    "refused: unknown_recipient",
    "refused: unknown_recipient",
    "refused: unknown_recipient",
  ]);
  expect(server.messages.map(({ data }) => data.message)).toEqual(["into a good one"]);
  await device.local.discardChat(chatId);
  expect(await device.local.outbox()).toEqual([]);
  expect((await device.local.chats()).length).toBe(1);
});

test("a store that is begun anew keeps the chats that wait", async () => {
  const { server, device } = await withoutContact();
  const chatId = await device.startChat("dora");
  await device.reply(chatId, "waits");
  server.epoch = "e2";
  server.log.length = 0;
  server.isDown = false;
  await device.agree(server);
  expect(await device.shown("s1")).toEqual(["waits"]);
});
