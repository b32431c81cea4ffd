// What a device keeps has a bound, and what is needed is never dropped.

import { IDBFactory } from "fake-indexeddb";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BOUND, excess, type Holding, mayGo, neededBy, planned } from "../src/core/bound.ts";
import { END } from "../src/core/local.ts";
import type { Act, Message } from "../src/core/model.ts";
import { Device } from "./device.ts";
import { FakeClock, FakeServer, settle } from "./server.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const HOUR = 3_600_000;

test("nothing is too many up to the bound; above it goes a tenth more, by number or by size, whichever is more", () => {
  expect(excess(BOUND.messages, BOUND.bytes)).toBe(0);
  expect(excess(BOUND.messages, undefined)).toBe(0);
  expect(excess(BOUND.messages + 1, undefined)).toBe(2_001);
  expect(excess(1_000, 100_000_000)).toBe(550);
  expect(excess(30_000, 60_000_000)).toBe(12_000);
});

test("the chat that nobody used for longest gives first, its newest 200 stay, and one that was just open is left alone", () => {
  const holdings: Holding[] = [
    { chatId: "open", count: 9_000, usedAt: NOW - HOUR / 2, activity: 0 },
    { chatId: "busy", count: 5_000, usedAt: 0, activity: NOW - HOUR },
    { chatId: "old", count: 3_000, usedAt: NOW - 50 * HOUR, activity: NOW - 90 * HOUR },
    { chatId: "small", count: 200, usedAt: 0, activity: 0 },
  ];
  expect(planned(holdings, 2_000, NOW)).toEqual([{ chatId: "old", count: 2_000 }]);
  expect(planned(holdings, 4_000, NOW)).toEqual([
    { chatId: "old", count: 2_800 },
    { chatId: "busy", count: 1_200 },
  ]);
  expect(planned(holdings, 50_000, NOW).map(({ count }) => count)).toEqual([2_800, 4_800]);
});

test("whatever is held, no plan takes more than is too many, nor touches the newest 200 of any chat", () => {
  const holding = fc.record({
    chatId: fc.uuid(),
    count: fc.nat(5_000),
    usedAt: fc.integer({ min: 0, max: NOW }),
    activity: fc.integer({ min: 0, max: NOW }),
  });
  fc.assert(
    fc.property(fc.array(holding), fc.nat(20_000), (holdings, tooMany) => {
      const drops = planned(holdings, tooMany, NOW);
      expect(drops.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(tooMany);
      for (const { chatId, count } of drops) {
        const held = holdings.find((other) => other.chatId === chatId)?.count ?? 0;
        expect(held - count).toBeGreaterThanOrEqual(BOUND.newest);
      }
    }),
  );
});

test("what is unread, alerts, or has something waiting never goes", () => {
  const message: Message = {
    messageId: "m1",
    chatId: "c1",
    position: 1,
    from: "bob",
    fromName: "Bob",
    text: "text",
    priority: 2,
    sentAt: "",
    mine: false,
    recipients: {},
    state: "read",
  };
  const none = new Set<string>();
  expect(mayGo(message, none)).toBe(true);
  expect(mayGo({ ...message, state: "delivered" }, none)).toBe(false);
  expect(mayGo({ ...message, priority: 1, open: 1 }, none)).toBe(false);
  expect(mayGo({ ...message, banner: 1 }, none)).toBe(false);
  expect(mayGo({ ...message, mine: true, state: "accepted" }, none)).toBe(true);
  const acts: Act[] = [
    { n: 1, at: "", kind: "receipts", receipts: [{ messageId: "m1", state: "acknowledged" }] },
    { n: 2, at: "", kind: "receipts", receipts: [{ chatId: "c1", readUpTo: "m2" }] },
    { n: 3, at: "", kind: "reply", key: "k", chatId: "c1", text: "", priority: 2, tried: true, sentAs: "m3" },
  ];
  expect([...neededBy(acts)].sort()).toEqual(["m1", "m2", "m3"]);
  expect(mayGo(message, neededBy(acts))).toBe(false);
});

test("a device drops the oldest of what was read, keeps what was not, and fetches again what is scrolled to", async () => {
  const [server, clock, disk] = [new FakeServer(), new FakeClock(), new IDBFactory()];
  const device = await Device.start(server, clock, disk);
  server.receive("c1", "bob", "an emergency", 1);
  for (let no = 2; no <= 500; no++) server.receive("c1", "bob", `number ${no}`);
  await device.agree(server);
  await device.local.read("c1", 490, [], device.at());
  device.sync.poke();
  await device.agree(server);
  let pauses = 0;
  const pause = async () => {
    pauses += 1;
  };
  expect(await device.local.tidy(undefined, clock.now(), pause)).toBe(0);
  expect(await device.local.tidy(BOUND.bytes * 10, clock.now(), pause)).toBe(299);
  expect(pauses).toBeGreaterThan(2);
  const left = await device.shown("c1");
  expect(left.length).toBe(201);
  expect(left[0]).toBe("an emergency");
  expect((await device.local.emergencies()).length).toBe(1);
  expect((await device.local.chat("c1"))?.unread).toBe(server.unreadIn("c1"));
  // The browser counts what was dropped for a while: it is not done again at once.
  expect(await device.local.tidy(BOUND.bytes * 10, clock.now() + HOUR, pause)).toBe(0);
  const said = server.said.length;
  await device.sync.fetchBefore("c1", END);
  await settle();
  expect((await device.shown("c1")).length).toBe(500);
  expect((await device.local.chat("c1"))?.unread).toBe(server.unreadIn("c1"));
  // It was delivered and read long ago: nothing is said of it again.
  await device.agree(server);
  expect(server.said.length).toBe(said);
});

test("a chat that somebody looks into is not made smaller under their eyes", async () => {
  const [server, clock, disk] = [new FakeServer(), new FakeClock(), new IDBFactory()];
  const device = await Device.start(server, clock, disk);
  for (let no = 1; no <= 300; no++) server.receive("c1", "bob", `number ${no}`);
  await device.agree(server);
  await device.local.read("c1", 300, [], device.at());
  device.sync.poke();
  await device.agree(server);
  await device.local.use("c1", clock.now());
  expect(await device.local.tidy(BOUND.bytes * 10, clock.now() + HOUR - 1, async () => {})).toBe(0);
  const day = clock.now() + 25 * HOUR;
  expect(await device.local.tidy(BOUND.bytes * 10, day, async () => {})).toBe(100);
});
