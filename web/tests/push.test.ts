// What a push does to a device that is asleep: the logic of the service worker, on a store of its own.

import { IDBFactory } from "fake-indexeddb";
import { expect, test } from "vitest";
import { Local } from "../src/core/local.ts";
import { closeOver, type Notice, type Shown, type Standing, showAll } from "../src/core/notices.ts";
import { clientFor } from "../src/core/opening.ts";
import { type PushWorld, readPush, takePush } from "../src/core/push.ts";
import { keepInStep, type Pusher } from "../src/core/subscription.ts";
import type { MessageData } from "../src/core/wire.ts";
import { Device } from "./device.ts";
import { FakeClock, FakeServer, settle } from "./server.ts";

const words = { title: (priority: number, from: string) => `${priority} ${from}` };

class Screen implements Shown {
  notices: Notice[] = [];
  /** Every one that was shown, with what it did. */
  readonly history: Notice[] = [];
  /** How many of those that are shown next are lost. */
  losing = 0;

  async standing(): Promise<Standing[]> {
    return this.notices.map((notice) => ({
      tag: notice.tag,
      data: notice.data,
      close: () => {
        this.notices = this.notices.filter((other) => other !== notice);
      },
    }));
  }

  async show(notice: Notice): Promise<void> {
    this.history.push(notice);
    if (this.losing-- > 0) return;
    this.notices = [...this.notices.filter(({ tag }) => tag !== notice.tag), notice];
  }
}

async function asleep() {
  const [server, clock, disk, shown] = [new FakeServer(), new FakeClock(), new IDBFactory(), new Screen()];
  server.receive("c1", "bob", "before");
  const device = await Device.start(server, clock, disk);
  await device.agree(server);
  device.kill();
  const local = await Local.open("crewline", disk);
  const seen = { is: false };
  const proven: string[] = [];
  const world: PushWorld = {
    local,
    net: server.net(),
    clock,
    shown,
    words,
    isSeen: async () => seen.is,
    alone: (work) => work(),
    changed: () => {},
    proven: () => proven.push("proven"),
  };
  return { server, clock, disk, shown, local, world, seen, proven };
}

function pushOf({ messageId, chatId, priority }: MessageData): string {
  const body = priority === 1 ? "EMERGENCY" : priority === 3 ? "Important message" : "New message";
  const tag = priority === 1 ? messageId : chatId;
  const notification = { title: "Crewline", body, navigate: `http://x/chats/${chatId}`, tag };
  return JSON.stringify({ web_push: 8030, notification, messageId, chatId, priority });
}

test("a push stores the message, says only then that it was delivered, and shows it", async () => {
  const { server, world, local, shown } = await asleep();
  const data = server.receive("c1", "bob", "wake up", 3);
  const said = server.said.length;
  await takePush(world, readPush(pushOf(data)));
  expect((await local.message(data.messageId))?.text).toBe("wake up");
  expect(server.said.slice(said)).toEqual([{ messageId: data.messageId, state: "delivered" }]);
  expect(shown.notices).toMatchObject([{ title: "3 bob", body: "wake up", tag: "c1", stays: true, renews: true }]);
});

test("a message that cannot be stored is not said to be delivered", async () => {
  const { server, world, local } = await asleep();
  const data = server.receive("c1", "bob", "no room");
  const said = server.said.length;
  local.takePushed = () => Promise.reject(new Error("no room"));
  await takePush(world, readPush(pushOf(data)));
  expect(server.said.length).toBe(said);
});

test("each priority alerts in its own way", async () => {
  const { server, world, shown } = await asleep();
  const sent = [server.receive("c1", "bob", "passes", 2), server.receive("c1", "bob", "help", 1)];
  sent.push(server.receive("c1", "bob", "more help", 1));
  for (const data of sent) await takePush(world, readPush(pushOf(data)));
  const tags = sent.map(({ messageId }) => messageId);
  expect(shown.notices).toMatchObject([
    { tag: "c1", stays: false, renews: false, shakes: false },
    { tag: tags[1], stays: true, renews: true, shakes: true },
    { tag: tags[2], stays: true, renews: true, shakes: true },
  ]);
});

test("an alert that passes does not take the place of an important one that was not read", async () => {
  const { server, world, shown } = await asleep();
  const sticky = server.receive("c1", "bob", "stays", 3);
  for (const data of [sticky, server.receive("c1", "bob", "passes", 2)]) await takePush(world, readPush(pushOf(data)));
  expect(shown.notices.map(({ body }) => body)).toEqual(["stays"]);
});

test("where nothing can be fetched, an alert without a text is shown, and nothing is said to be delivered", async () => {
  const { server, world, shown, local } = await asleep();
  const data = server.receive("c1", "bob", "unreachable", 1);
  const said = server.said.length;
  server.isDown = true;
  await takePush(world, readPush(pushOf(data)));
  expect(shown.notices).toMatchObject([{ title: "Crewline", body: "EMERGENCY", tag: data.messageId, stays: true }]);
  expect(server.said.length).toBe(said);
  expect(await local.outbox()).toEqual([]);
});

test("a receipt that cannot be said waits in the outbox", async () => {
  const { server, world, local } = await asleep();
  const data = server.receive("c1", "bob", "received", 2);
  const { net } = world;
  world.net = {
    ...net,
    call: (method, ...rest) => (method === "POST" ? Promise.reject(new Error("cut")) : net.call(method, ...rest)),
  };
  await takePush(world, readPush(pushOf(data)));
  expect((await local.outbox()).map((act) => (act.kind === "receipts" ? act.receipts : []))).toEqual([
    [{ messageId: data.messageId, state: "delivered" }],
  ]);
});

test("an emergency on a slow line alerts at once, and its text comes into its place without a second sound", async () => {
  const { server, world, shown, clock } = await asleep();
  const data = server.receive("c1", "bob", "help", 1);
  const { net } = world;
  let give = () => {};
  const slow = new Promise<void>((resolve) => {
    give = resolve;
  });
  world.net = {
    ...net,
    call: async (method, ...rest) => {
      await slow;
      return net.call(method, ...rest);
    },
  };
  const done = takePush(world, readPush(pushOf(data)));
  await settle();
  expect(shown.notices).toEqual([]);
  clock.advance(5_000);
  await settle();
  expect(shown.notices).toMatchObject([{ body: "EMERGENCY", tag: data.messageId, silent: false }]);
  give();
  await done;
  expect(shown.notices).toMatchObject([{ body: "help", tag: data.messageId, silent: true, renews: false }]);
});

test("what waits on the device goes out when a push wakes it, in order and once", async () => {
  const { server, world, local } = await asleep();
  for (const [key, text] of [
    ["k1", "first"],
    ["k2", "second"],
  ] as const)
    await local.reply({ chatId: "c1", text, key, at: "2026-11-23T03:00:00Z" });
  const data = server.receive("c1", "bob", "wake up");
  await takePush(world, readPush(pushOf(data)));
  await takePush(world, readPush(pushOf(data)));
  expect(server.messages.map((message) => message.data.message)).toEqual(["before", "wake up", "first", "second"]);
  expect(await local.outbox()).toEqual([]);
});

test("a message that a push brought is unread once, before the log tells of it and after", async () => {
  const { server, clock, disk, world, local } = await asleep();
  const first = server.receive("c1", "bob", "one");
  const second = server.receive("c1", "bob", "two");
  await takePush(world, readPush(pushOf(second)));
  const count = async () => (await local.chat("c1"))?.unread;
  expect(await count()).toBe(2);
  expect((await local.chat("c1"))?.last?.messageId).toBe(second.messageId);
  await takePush(world, readPush(pushOf(second)));
  expect(await count()).toBe(2);
  const again = await Device.start(server, clock, disk);
  await again.agree(server);
  expect(await count()).toBe(3);
  expect(await again.shown("c1")).toEqual(["before", "one", "two"]);
  expect(again.announced).toEqual([first.messageId, second.messageId]);
});

test("an app on the screen shows its own alert, and the push none", async () => {
  const { server, world, shown, seen, local } = await asleep();
  seen.is = true;
  const data = server.receive("c1", "bob", "seen", 3);
  await takePush(world, readPush(pushOf(data)));
  expect(shown.history).toEqual([]);
  expect((await local.message(data.messageId))?.text).toBe("seen");
});

test("the same message alerts once, whether a push or a hidden page tells of it first", async () => {
  const { server, world, shown, local } = await asleep();
  const data = server.receive("c1", "bob", "once", 3);
  await takePush(world, readPush(pushOf(data)));
  await showAll(local, shown, words, [data.messageId]);
  await takePush(world, readPush(pushOf(data)));
  expect(shown.history.length).toBe(1);
  // Who is reminded of it is alerted again.
  await showAll(local, shown, words, [], [data.messageId]);
  expect(shown.history.length).toBe(2);
});

test("one that a browser loses while it is shown is shown again, and not for ever", async () => {
  const { server, world, shown, local } = await asleep();
  const data = server.receive("c1", "bob", "help", 1);
  await takePush(world, readPush(pushOf(data)));
  for (const notice of await shown.standing()) notice.close();
  shown.losing = 1;
  await showAll(local, shown, words, [data.messageId]);
  expect(shown.notices.map(({ body }) => body)).toEqual(["help"]);
  expect(shown.history.length).toBe(3);
  for (const notice of await shown.standing()) notice.close();
  shown.losing = 100;
  await showAll(local, shown, words, [data.messageId]);
  expect(shown.history.length).toBe(6);
});

test("notifications go when their message was read, an emergency's when it was acknowledged, and another person's", async () => {
  const { server, world, shown, local } = await asleep();
  const sticky = server.receive("c1", "bob", "stays", 3);
  const emergency = server.receive("c1", "bob", "help", 1);
  for (const data of [sticky, emergency]) await takePush(world, readPush(pushOf(data)));
  expect(await local.standing()).toBe(2);
  await local.read("c1", 3, [emergency.messageId], "2026-11-23T03:01:00Z");
  await closeOver(local, shown);
  expect(shown.notices.map(({ body }) => body)).toEqual(["help"]);
  expect(await local.standing()).toBe(1);
  await local.acknowledge(emergency.messageId, "2026-11-23T03:01:00Z");
  const more = server.receive("c1", "bob", "another", 2);
  await takePush(world, readPush(pushOf(more)));
  expect(shown.notices.map(({ body }) => body)).toEqual(["another"]);
  expect(await local.standing()).toBe(0);
  await local.signIn({ userId: "bob", name: "Bob", role: "crew" });
  await closeOver(local, shown);
  expect(shown.notices).toEqual([]);
});

test("a push for what was read meanwhile leaves nothing, and is shown for a moment without a sound", async () => {
  const { server, world, shown } = await asleep();
  const data = server.receive("c1", "bob", "read elsewhere", 3);
  server.advance(server.messages.slice(-1), "read");
  await takePush(world, readPush(pushOf(data)));
  expect(shown.history).toMatchObject([{ silent: true, renews: false }]);
  expect(shown.notices).toEqual([]);
});

test("an important message whose banner was closed counts until it is read", async () => {
  const { server, world, local } = await asleep();
  await takePush(world, readPush(pushOf(server.receive("c1", "bob", "stays", 3))));
  await local.closeBanner("c1");
  expect((await local.banners()).length).toBe(0);
  expect(await local.standing()).toBe(1);
  await local.read("c1", 2, [], "2026-11-23T03:01:00Z");
  expect(await local.standing()).toBe(0);
});

test("a test push is shown and answered, and what is no push of ours still shows something", async () => {
  const { server, world, shown, proven } = await asleep();
  const notification = {
    title: "Crewline",
    body: "This device can be woken",
    navigate: "http://x/#setup",
    tag: "test",
  };
  await takePush(world, readPush(JSON.stringify({ web_push: 8030, notification, test: "n1" })));
  expect(server.push.proven).toEqual(["n1"]);
  expect(proven.length).toBe(1);
  expect(shown.notices).toMatchObject([{ tag: "test", data: { path: "/#setup" } }]);
  for (const text of ["", "nonsense", "[]", "null", '{"notification":7}']) await takePush(world, readPush(text));
  expect(shown.history.length).toBe(6);
  server.isDown = true;
  await takePush(world, readPush(JSON.stringify({ notification, test: "n2" })));
  expect(proven.length).toBe(1);
});

class Browser implements Pusher {
  allowed = true;
  made = 0;
  key = "";

  isAllowed = () => this.allowed;
  current = async () => (this.key === "" ? undefined : this.told());
  subscribe = async (key: string) => {
    this.made += 1;
    this.key = key;
    return this.told();
  };
  unsubscribe = async () => {
    this.key = "";
  };
  private told = () => ({
    body: { endpoint: `https://push.example/${this.made}`, keys: { p256dh: "p", auth: "a" } },
    key: this.key,
  });
}

test("the subscription is kept in step: made, said again, made anew for another key, and removed", async () => {
  const [server, browser] = [new FakeServer(), new Browser()];
  const step = (isWanted = true) => keepInStep(server.net(), browser, isWanted);
  expect((await step()).subscription?.endpointHost).toBe("push.example");
  await step();
  expect([browser.made, server.push.puts]).toEqual([1, 2]);
  server.push.publicKey = "OTHER";
  await step();
  expect([browser.made, browser.key, server.push.endpoint]).toEqual([2, "OTHER", "https://push.example/2"]);
  // The browser lost it: it is made again.
  browser.key = "";
  await step();
  expect(server.push.endpoint).toBe("https://push.example/3");
  browser.allowed = false;
  expect((await step()).subscription).toBeNull();
  expect([browser.key, server.push.endpoint]).toEqual(["", undefined]);
  browser.allowed = true;
  await step();
  await step(false);
  expect([browser.key, server.push.endpoint]).toEqual(["", undefined]);
  server.push.publicKey = null;
  expect((await step()).publicKey).toBeNull();
  expect(browser.key).toBe("");
});

test("a press leads to the page that is there, else to one in front, else to any", () => {
  const page = (url: string, visibilityState = "hidden", focused = false) => ({
    url: `http://x${url}`,
    visibilityState,
    focused,
  });
  const [there, front, other] = [page("/chats/c1"), page("/", "visible", true), page("/#new")];
  expect(clientFor([other, front, there], "/chats/c1")).toBe(there);
  expect(clientFor([other, front, there], "/chats/c2")).toBe(front);
  expect(clientFor([other], "/chats/c2")).toBe(other);
  expect(clientFor([], "/chats/c2")).toBeUndefined();
  expect(clientFor([front, other], "/#new")).toBe(other);
});
