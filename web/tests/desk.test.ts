// What a desk shows, and the logs of others that it follows.

import { expect, test } from "vitest";
import { bandsOf } from "../src/core/crowd.ts";
import { Follower } from "../src/core/follow.ts";
import { Local } from "../src/core/local.ts";
import type { Chat, Message } from "../src/core/model.ts";
import { type Facts, needsOf, SILENT_AFTER_MS } from "../src/core/needs.ts";
import type { LineEvents, Net } from "../src/core/net.ts";
import { CallError } from "../src/core/net.ts";
import { filled, piecesOf } from "../src/core/phrase.ts";
import type { MessageView, State, WireEvent } from "../src/core/wire.ts";
import { Device } from "./device.ts";
import { FakeClock, FakeServer, settle } from "./server.ts";

const NOW = Date.parse("2026-11-23T04:00:00Z");
const at = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();

function sent(messageId: string, age: number, priority: 1 | 2 | 3, states: Record<string, State>): Message {
  const recipients = Object.fromEntries(Object.entries(states).map(([id, state]) => [id, { state }]));
  const base = { chatId: `c-${messageId}`, position: 1, from: "me", fromName: "Me", text: messageId, mine: true };
  return { ...base, messageId, priority, sentAt: at(age), recipients, state: "accepted" };
}

const none: Facts = { emergencies: [], due: [], waiting: [], chats: [], now: NOW };

test("what needs somebody stands by priority, then by age", () => {
  const alarm = { ...sent("alarm", 20, 1, {}), mine: false };
  const needs = needsOf({
    ...none,
    emergencies: [alarm],
    due: [
      sent("young silent", 60, 3, { a: "accepted", b: "read" }),
      sent("old silent", 600, 2, { a: "accepted" }),
      sent("emergency", 300, 1, { a: "acknowledged", b: "read", c: "accepted" }),
      sent("history", 3 * 86_400, 1, { a: "accepted" }),
    ],
    waiting: [{ n: 1, kind: "reply", key: "k", chatId: "c", text: "waits", priority: 2, at: at(5), tried: false }],
    chats: [
      {
        chatId: "u",
        userIds: [],
        activity: at(900),
        lastPosition: 1,
        unread: 2,
        asOf: 0,
        readTo: 0,
        last: sent("unread", 900, 2, {}),
      },
    ],
  });
  expect(needs.map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
    "emergency: emergency",
    "alarm: alarm",
    "silent: old silent",
    "silent: young silent",
    "waiting: waits",
    "unread: unread",
  ]);
  expect(needs.map(({ count, all }) => `${count} of ${all}`).slice(0, 3)).toEqual(["2 of 3", "1 of 1", "1 of 1"]);
  expect(needs.map(({ who }) => who)).toEqual([undefined, undefined, "a", "a", undefined, undefined]);
});

test("nobody is called silent in the seconds that a message takes", () => {
  const message = sent("new", 0, 3, { a: "accepted" });
  expect(needsOf({ ...none, due: [message] })).toEqual([]);
  expect(needsOf({ ...none, due: [message], now: NOW + SILENT_AFTER_MS })).toHaveLength(1);
});

test("a question stands until somebody answers it, also when it was read, and takes the place of what is unread", () => {
  const chat = (chatId: string, last: Partial<Message>, unread: number): Chat => ({
    chatId,
    userIds: [],
    activity: at(60),
    lastPosition: 1,
    unread,
    asOf: 0,
    readTo: 0,
    last: { ...sent(chatId, 60, 2, {}), chatId, mine: false, ...last },
  });
  const chats = [
    chat("read", { text: "May we close S22? " }, 0),
    chat("unread", { text: "هل نبدأ؟" }, 2),
    chat("told", { text: "May we close S22? We wait." }, 1),
    chat("own", { text: "Where are you?", mine: true }, 0),
    chat("old", { text: "Anybody there?", sentAt: at(3 * 86_400) }, 0),
    chat("alarm", { text: "Can you hear me?", priority: 1 }, 1),
  ];
  const alarm = { ...sent("alarm", 60, 1, {}), chatId: "alarm", mine: false };
  const needs = needsOf({ ...none, chats, emergencies: [alarm] });
  expect(needs.map(({ kind, chatId }) => `${kind} ${chatId}`)).toEqual([
    "alarm alarm",
    "answer read",
    "answer unread",
    "unread told",
  ]);
});

test("the fields of a phrase hold it back until each is filled", () => {
  const pieces = piecesOf("Switch off {line} at {time}.");
  expect(filled(pieces, ["132 kV", " "])).toEqual({ text: "Switch off 132 kV at .", open: ["time"] });
  expect(filled(pieces, ["132 kV", "16:30"])).toEqual({ text: "Switch off 132 kV at 16:30.", open: [] });
  expect(filled(piecesOf("{a}{a}"), ["1", "2"])).toEqual({ text: "12", open: [] });
});

test("who cannot be reached stands on top, and the search finds crews", () => {
  const people = [
    { userId: "a", name: "Ann", by: "app" as const, onDuty: true },
    { userId: "b", name: "Bea", by: null, lastContactAt: at(60) },
    { userId: "c", name: "Cay", by: null, lastContactAt: at(10), onDuty: true },
    { userId: "d", name: "Dan", by: "push" as const },
  ];
  const crews = new Map([["b", "North"]]);
  const keys = (query: string, duty: boolean) => bandsOf(people, crews, query, duty).map(({ key }) => key);
  expect(keys("", false)).toEqual(["none", "c", "b", "app", "a", "push", "d"]);
  expect(keys("north", false)).toEqual(["none", "b"]);
  expect(keys("", true)).toEqual(["none", "c", "app", "a"]);
});

// ---- Reminders ----

test("who is reminded is alerted again, unless it was read meanwhile", async () => {
  const server = new FakeServer();
  const clock = new FakeClock();
  const device = await Device.start(server, clock, new IDBFactory());
  const passing = server.receive("c1", "bob", "passes", 2);
  const important = server.receive("c2", "bob", "stays", 3);
  const emergency = server.receive("c3", "bob", "rings", 1);
  await device.agree(server);
  await device.local.closeBanner("c2");
  expect(await device.local.banners()).toEqual([]);
  device.announced.splice(0);
  const remind = ({ messageId, chatId, priority }: typeof passing) =>
    server.tell("message.reminded", { messageId, chatId, byUserId: "bob", at: at(0), until: "delivered", priority });
  for (const message of [passing, important, emergency]) remind(message);
  await device.agree(server);
  expect(device.announced).toEqual([passing, important, emergency].map(({ messageId }) => messageId));
  expect((await device.local.banners()).map(({ text }) => text)).toEqual(["stays"]);
  await device.local.read("c1", 1, [], device.at());
  await device.local.acknowledge(emergency.messageId, device.at());
  device.sync.poke();
  device.announced.splice(0);
  for (const message of [passing, emergency]) remind(message);
  await device.agree(server);
  expect(device.announced).toEqual([]);
  device.kill();
});

// ---- Those who are watched ----

/** A server as a watcher of `scada` sees it. */
class Watchable {
  epoch = "e1";
  log: WireEvent[] = [];
  messages: MessageView[] = [];
  isDown = false;
  isWatched = true;
  calls: string[] = [];
  line: { events: LineEvents; to: number } | undefined;

  send(text: string, ...to: string[]): MessageView {
    const no = this.messages.length + 1;
    const view: MessageView = {
      messageId: `m${no}`,
      chatId: `c-${to.join()}`,
      position: 1 + this.messages.filter(({ chatId }) => chatId === `c-${to.join()}`).length,
      fromUserId: "scada",
      fromUserName: "SCADA",
      message: text,
      priority: 1,
      sentAt: new Date(NOW + no * 1000).toISOString(),
      recipients: to.map((userId) => ({ userId, state: "accepted" as const })),
    };
    this.messages.push(view);
    return view;
  }

  say(view: MessageView, userId: string, state: "delivered" | "acknowledged"): void {
    const recipient = view.recipients.find((one) => one.userId === userId);
    if (recipient !== undefined) recipient.state = state;
    const data = { messageId: view.messageId, chatId: view.chatId, userId, at: at(0) };
    this.log.push({ seq: this.log.length + 1, type: `message.${state}`, timestamp: at(0), data });
    this.flush();
  }

  flush(): void {
    const { line } = this;
    if (line === undefined || line.to >= this.log.length) return;
    const events = this.log.slice(line.to);
    line.to = this.log.length;
    line.events.text(JSON.stringify({ events: structuredClone(events) }));
  }

  cut(code = 1006): void {
    const { line } = this;
    this.line = undefined;
    line?.events.closed(code, "");
  }

  private answer(path: string): unknown {
    if (path.includes("/events")) return { epoch: this.epoch };
    const one = /messages\/([^?]+)\?/.exec(path)?.[1];
    if (one !== undefined) return this.messages.find(({ messageId }) => messageId === one);
    const chat = /chats\/([^/]+)\/messages/.exec(path)?.[1];
    if (chat !== undefined)
      return {
        messages: this.messages.filter(({ chatId }) => chatId === decodeURIComponent(chat)),
        asOf: this.log.length,
      };
    const last = new Map(this.messages.map((view) => [view.chatId, view]));
    const chats = [...last].map(([chatId, lastMessage]) => ({
      chatId,
      lastMessage,
      lastActivityAt: lastMessage.sentAt,
    }));
    return { chats: chats.reverse(), asOf: this.log.length };
  }

  net(): Net {
    return {
      open: (events) => {
        setImmediate(() => (this.isDown ? events.closed(1006, "") : events.opened()));
        return {
          close: () => {
            if (this.line?.events === events) this.line = undefined;
          },
          send: (text) => {
            const { hello } = JSON.parse(text);
            if (!this.isWatched || hello.epoch !== this.epoch) {
              const error = {
                status: this.isWatched ? 409 : 404,
                code: this.isWatched ? "epoch_changed" : "not_found",
                detail: "",
              };
              events.text(JSON.stringify({ error }));
              return events.closed(4120, "");
            }
            this.line = { events, to: hello.after };
            events.text(JSON.stringify({ welcome: { epoch: this.epoch, head: this.log.length, heartbeatS: 15 } }));
            this.flush();
          },
        };
      },
      call: async (_method, path) => {
        await settle(1);
        this.calls.push(path);
        if (this.isDown) throw new CallError(0);
        if (!this.isWatched) throw new CallError(403, { status: 403, code: "not_allowed", detail: "" });
        return structuredClone(this.answer(path)) as never;
      },
    };
  }
}

async function following(server: Watchable, clock: FakeClock, local: Local): Promise<Follower> {
  const follower = new Follower("scada", local.watched, server.net(), clock, () => 0.5, {
    changed: () => {},
    live: () => {},
  });
  follower.start();
  await settle(60);
  return follower;
}

async function states(local: Local): Promise<string[]> {
  const all = (await local.watched.messages()).sort((a, b) => (a.sentAt < b.sentAt ? -1 : 1));
  return all.map(
    ({ text, recipients }) =>
      `${text}: ${Object.entries(recipients)
        .map(([id, { state }]) => `${id} ${state}`)
        .join(", ")}`,
  );
}

test("messages of one who is watched come before anybody has them, with their receipts, and after a gap", async () => {
  const server = new Watchable();
  const clock = new FakeClock();
  const local = await Local.open("crewline", new IDBFactory());
  const before = server.send("before", "a", "b");
  server.say(before, "a", "delivered");
  const follower = await following(server, clock, local);
  expect(await states(local)).toEqual(["before: a delivered, b accepted"]);
  // Nobody has it: it is in no log.
  const silent = server.send("silent", "c");
  clock.advance(5_000);
  await settle(60);
  expect(await states(local)).toEqual(["before: a delivered, b accepted", "silent: c accepted"]);
  server.say(before, "b", "acknowledged");
  // One that is told of by a receipt alone.
  const quick = server.send("quick", "d");
  server.say(quick, "d", "delivered");
  await settle(60);
  expect(await states(local)).toEqual([
    "before: a delivered, b acknowledged",
    "silent: c accepted",
    "quick: d delivered",
  ]);
  // Without contact, and back.
  server.isDown = true;
  server.cut();
  server.say(silent, "c", "delivered");
  server.send("later 1", "d");
  server.send("later 2", "d");
  server.isDown = false;
  clock.advance(10_000);
  await settle(100);
  expect(await states(local)).toEqual([
    "before: a delivered, b acknowledged",
    "silent: c delivered",
    "quick: d delivered",
    "later 1: d accepted",
    "later 2: d accepted",
  ]);
  follower.stop();
});

test("a store that was restored is read anew, and who is not watched any more leaves nothing", async () => {
  const server = new Watchable();
  const clock = new FakeClock();
  const local = await Local.open("crewline", new IDBFactory());
  server.send("lost by the restore", "a");
  const follower = await following(server, clock, local);
  server.messages = [];
  server.log = [];
  server.epoch = "e2";
  server.send("of the restored store", "a");
  server.cut(4000);
  clock.advance(2_000);
  await settle(100);
  expect(await states(local)).toEqual(["of the restored store: a accepted"]);
  server.isWatched = false;
  server.cut(4101);
  const calls = server.calls.length;
  clock.advance(60_000);
  await settle(30);
  expect(server.calls.length).toBe(calls);
  await local.watched.keepOnly([]);
  expect(await states(local)).toEqual([]);
  follower.stop();
});

test("what is done is not due any more, here and of those who are watched", async () => {
  const server = new Watchable();
  const clock = new FakeClock();
  const local = await Local.open("crewline", new IDBFactory());
  const view = server.send("to one", "a");
  const follower = await following(server, clock, local);
  const due = async () => (await local.watched.messages()).map(({ due }) => due !== undefined);
  expect(await due()).toEqual([true]);
  server.say(view, "a", "delivered");
  await settle(60);
  expect(await due()).toEqual([true]);
  server.say(view, "a", "acknowledged");
  await settle(60);
  expect(await due()).toEqual([false]);
  follower.stop();
});
