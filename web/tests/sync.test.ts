import { IDBFactory } from "fake-indexeddb";
import { expect, test } from "vitest";
import { Device } from "./device.ts";
import { FakeClock, FakeServer, settle } from "./server.ts";

async function started() {
  const [server, clock, disk] = [new FakeServer(), new FakeClock(), new IDBFactory()];
  const device = await Device.start(server, clock, disk);
  await device.agree(server);
  return { server, clock, disk, device };
}

test("a message is said to be delivered only once it is stored", async () => {
  const { server, device } = await started();
  server.receive("c1", "bob", "one");
  expect(server.said).toEqual([]);
  await device.agree(server);
  await settle();
  expect(server.said).toEqual([{ messageId: "m1", state: "delivered" }]);
  expect(await device.shown("c1")).toEqual(["one"]);
  expect((await device.local.chat("c1"))?.unread).toBe(1);
});

test("what was there before the first start is stored, said to be delivered, and its emergency alerts", async () => {
  const [server, clock, disk] = [new FakeServer(), new FakeClock(), new IDBFactory()];
  server.receive("c1", "bob", "one", 1);
  server.receive("c1", "bob", "two");
  const device = await Device.start(server, clock, disk);
  await device.agree(server);
  await settle(40);
  expect(await device.shown("c1")).toEqual(["one", "two"]);
  expect((await device.local.emergencies()).map(({ text }) => text)).toEqual(["one"]);
  expect(server.messages.map(({ state }) => state)).toEqual(["delivered", "delivered"]);
  expect(device.announced).toEqual([]);
});

test("a chat whose only unread message is its last takes no call of its own at the first start, and tells of it", async () => {
  const [server, clock, disk] = [new FakeServer(), new FakeClock(), new IDBFactory()];
  for (let n = 0; n < 50; n++) server.receive(`c${n}`, "bob", `one of ${n}`, n === 7 ? 1 : 2);
  // Here two are unread: the first has to be asked for.
  server.receive("c50", "bob", "before");
  server.receive("c50", "bob", "last");
  const asked: string[] = [];
  const net = server.net.bind(server);
  server.net = () => {
    const { open, call } = net();
    return {
      open,
      call: (method, path) => {
        asked.push(path);
        return call(method, path);
      },
    };
  };
  const device = await Device.start(server, clock, disk);
  while (device.contact !== "live") await settle(1);
  expect(asked.filter((path) => path.includes("/messages")).length).toBe(1);
  await device.agree(server);
  await settle(40);
  for (let n = 0; n < 50; n++) expect(await device.shown(`c${n}`)).toEqual([`one of ${n}`]);
  expect(await device.shown("c50")).toEqual(["before", "last"]);
  expect((await device.local.emergencies()).map(({ text }) => text)).toEqual(["one of 7"]);
  expect(new Set(server.said.map(({ messageId }) => messageId)).size).toBe(52);
});

test("a reply whose answer is lost is one message, shown once at every moment", async () => {
  const { server, device, clock } = await started();
  server.receive("c1", "bob", "one");
  await device.agree(server);
  server.faults.push("answer");
  await device.reply("c1", "two");
  for (let round = 0; round < 60; round++) {
    await settle(1);
    const texts = (await device.shown("c1")).map((text) => text.replace(" (waits)", ""));
    expect(texts).toEqual(["one", "two"]);
    if (round > 30) clock.advance(500);
  }
  await device.agree(server);
  expect(server.messages.map(({ data }) => data.message)).toEqual(["one", "two"]);
  expect(await device.shown("c1")).toEqual(["one", "two"]);
});

test("what is written without contact survives a restart of the browser and goes out in order", async () => {
  const { server, clock, disk, device } = await started();
  server.receive("c1", "bob", "one");
  server.receive("c1", "bob", "two", 1);
  await device.agree(server);
  server.isDown = true;
  server.cut();
  await settle();
  for (const text of ["a", "b", "c"]) await device.reply("c1", text);
  await device.local.read("c1", 1, [], device.at());
  await device.local.acknowledge("m2", device.at());
  expect((await device.local.chat("c1"))?.unread).toBe(0);
  device.kill();
  const again = await Device.start(server, clock, disk);
  await settle();
  expect(await again.shown("c1")).toEqual(["one", "two", "a (waits)", "b (waits)", "c (waits)"]);
  expect(await again.local.emergencies()).toEqual([]);
  server.isDown = false;
  await again.agree(server);
  expect(server.messages.map(({ data }) => data.message)).toEqual(["one", "two", "a", "b", "c"]);
  expect(server.messages.slice(0, 2).map(({ state }) => state)).toEqual(["read", "acknowledged"]);
  expect(await again.shown("c1")).toEqual(["one", "two", "a", "b", "c"]);
});

test("a restored store is begun anew, and what waits goes to it", async () => {
  const { server, device } = await started();
  for (const text of ["one", "two", "three"]) server.receive("c1", "bob", text);
  await device.agree(server);
  server.isDown = true;
  server.cut();
  await device.reply("c1", "waits");
  server.messages.length = 2;
  server.log.length = 2;
  server.epoch = "e2";
  server.isDown = false;
  await device.agree(server);
  expect(await device.shown("c1")).toEqual(["one", "two", "waits"]);
});

test("a session that was revoked stops, and keeps what waits", async () => {
  const { server, device, clock } = await started();
  server.receive("c1", "bob", "one");
  await device.agree(server);
  server.isSignedOut = true;
  server.cut(4100);
  await device.reply("c1", "two");
  await settle();
  expect(device.contact).toBe("signedOut");
  const calls = server.calls;
  clock.advance(600_000);
  await settle();
  expect(server.calls).toBe(calls);
  expect(await device.shown("c1")).toEqual(["one", "two (waits)"]);
});

test("it comes back at the earliest after the delay that the server asked for, and at once when it is woken", async () => {
  const { server, device, clock } = await started();
  server.delay = "comeBackMs=4000;";
  server.cut(4000);
  await settle();
  clock.advance(3_900);
  await settle();
  expect(device.contact).toBe("lost");
  clock.advance(800);
  await settle();
  expect(device.contact).toBe("live");
  server.cut(4000);
  await settle();
  device.sync.wake();
  await settle();
  expect(device.contact).toBe("live");
});

test("a line on which nothing is heard any more is given up", async () => {
  const { server, device, clock } = await started();
  for (const line of server.lines) line.send = () => {};
  clock.advance(30_000);
  await settle();
  expect(device.contact).toBe("live");
  clock.advance(20_000);
  await settle();
  expect(device.contact).toBe("lost");
});

test("what the server refuses for good is shown with the reason and holds nothing up", async () => {
  const { server, device } = await started();
  server.receive("c1", "bob", "one");
  await device.agree(server);
  await device.reply("c1", "refuse me");
  await device.reply("c1", "two");
  await device.agree(server);
  expect(server.messages.map(({ data }) => data.message)).toEqual(["one", "two"]);
  expect((await device.local.outbox()).map(({ refused }) => refused)).toEqual(["refused: not_allowed"]);
});

test("reading and acknowledging on another device ends the alerts here", async () => {
  const { server, device } = await started();
  server.receive("c1", "bob", "stays", 3);
  server.receive("c1", "bob", "help", 1);
  await device.agree(server);
  expect((await device.local.banners()).length + (await device.local.emergencies()).length).toBe(2);
  server.advance(server.messages.slice(0, 1), "read");
  await device.agree(server);
  expect(await device.local.banners()).toEqual([]);
  expect((await device.local.chat("c1"))?.unread).toBe(1);
  server.advance(server.messages.slice(1), "read");
  await device.agree(server);
  expect((await device.local.emergencies()).length).toBe(1);
  server.advance(server.messages.slice(1), "acknowledged");
  await device.agree(server);
  expect(await device.local.emergencies()).toEqual([]);
});

test("two devices of one person show the same, and each message once", async () => {
  const { server, clock, device } = await started();
  const other = await Device.start(server, clock, new IDBFactory());
  await other.agree(server);
  server.receive("c1", "bob", "one");
  await device.agree(server);
  await device.reply("c1", "same");
  await other.agree(server);
  await other.reply("c1", "same");
  await device.agree(server);
  await other.agree(server);
  await device.agree(server);
  expect(await device.shown("c1")).toEqual(["one", "same", "same"]);
  expect(await other.shown("c1")).toEqual(["one", "same", "same"]);
});
