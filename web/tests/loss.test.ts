// Whatever is lost on the way, and whenever the browser is killed: every message is shown once, and every act is done once.

import { IDBFactory } from "fake-indexeddb";
import fc from "fast-check";
import { expect, test } from "vitest";
import { END } from "../src/core/local.ts";
import { Device } from "./device.ts";
import { FakeClock, FakeServer, settle } from "./server.ts";

const CHATS = ["c1", "c2"];
/** Those with whom there is no chat yet: each gets one, made here, elsewhere, or both. */
const NEW = ["dora", "emil"];

type Step =
  | { kind: "receive"; chat: string; priority: 1 | 2 | 3 }
  | { kind: "reply"; chat: string; same: boolean }
  | { kind: "read"; chat: string }
  | { kind: "begin" | "elsewhere"; chat: string }
  | { kind: "acknowledge" }
  | { kind: "fault"; what: "request" | "answer" }
  | { kind: "cut" | "down" | "up" | "kill" | "wake" }
  | { kind: "pause"; turns: number; ms: number };

const chat = fc.constantFrom(...CHATS, ...NEW);
const fresh = fc.constantFrom(...NEW);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("receive" as const), chat, priority: fc.constantFrom(1, 2, 3) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("reply" as const), chat, same: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("read" as const), chat }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("begin" as const, "elsewhere" as const), chat: fresh }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "acknowledge" as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("fault" as const),
      what: fc.constantFrom("request" as const, "answer" as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("cut" as const, "down" as const, "up" as const, "kill" as const, "wake" as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("pause" as const),
      turns: fc.integer({ min: 0, max: 12 }),
      ms: fc.integer({ min: 0, max: 3000 }),
    }),
  },
);

/** A world in which steps happen, with a note of what the person did. */
class World {
  readonly server = new FakeServer();
  readonly clock = new FakeClock();
  readonly disk = new IDBFactory();
  readonly replies: { chat: string; text: string }[] = [];
  readonly acknowledged = new Set<string>();
  device!: Device;
  private seed: number;

  constructor(seed: number) {
    this.seed = seed;
  }

  async start(): Promise<void> {
    this.device = await Device.start(this.server, this.clock, this.disk, () => {
      this.seed = (this.seed * 16_807) % 2_147_483_647;
      return this.seed / 2_147_483_647;
    });
  }

  async play(step: Step): Promise<void> {
    const { server, device } = this;
    switch (step.kind) {
      case "begin":
        await device.startChat(step.chat);
        break;
      case "elsewhere":
        server.createChat([step.chat]);
        break;
      case "receive":
        server.receive(this.atServer(step.chat), "bob", `from bob ${server.messages.length}`, step.priority);
        break;
      case "reply": {
        const text = step.same ? "same" : `mine ${this.replies.length}`;
        this.replies.push({ chat: step.chat, text });
        await device.reply(await this.onDevice(step.chat), text);
        break;
      }
      case "read": {
        const place = await this.onDevice(step.chat);
        const shown = await device.local.messages(place, 1, END, 50);
        const newest = shown.at(-1);
        if (newest !== undefined) await device.local.read(place, newest.position, [], device.at());
        device.sync.poke();
        break;
      }
      case "acknowledge": {
        const first = (await device.local.emergencies())[0];
        if (first === undefined) break;
        this.acknowledged.add(first.messageId);
        await device.local.acknowledge(first.messageId, device.at());
        device.sync.poke();
        break;
      }
      case "fault":
        server.faults.push(step.what);
        break;
      case "kill":
        device.kill();
        await this.start();
        break;
      case "pause":
        await settle(step.turns);
        this.clock.advance(step.ms);
        break;
      default:
        this.network(step.kind);
    }
    await this.holds();
  }

  /** The id of a chat as this device has it; where it has none, the person begins one. */
  private async onDevice(chat: string): Promise<string> {
    return NEW.includes(chat) ? this.device.startChat(chat) : chat;
  }

  private atServer(chat: string): string {
    return NEW.includes(chat) ? this.server.createChat([chat]).chatId : chat;
  }

  private network(kind: string): void {
    if (kind === "cut") this.server.cut();
    if (kind === "wake") this.device.sync.wake();
    if (kind === "down") {
      this.server.isDown = true;
      this.server.cut();
    }
    if (kind === "up") this.server.isDown = false;
  }

  /** The chats, by what the person calls them, with their ids here; there is never a second one of the same people. */
  private async places(): Promise<[string, string][]> {
    const chats = await this.device.local.chats();
    return [...CHATS, ...NEW].map((chat) => {
      if (!NEW.includes(chat)) return [chat, chat];
      const found = chats.filter(({ userIds }) => userIds.includes(chat));
      expect(found.length).toBeLessThanOrEqual(1);
      return [chat, found[0]?.chatId ?? chat];
    });
  }

  /** What holds at every moment: nothing is shown twice, nothing that the person wrote is gone, and no more. */
  private async holds(): Promise<void> {
    for (const [chat, place] of await this.places()) {
      const shown = (await this.device.shown(place)).map((text) => text.replace(" (waits)", ""));
      const mine = shown.filter((text) => !text.startsWith("from bob")).sort();
      expect(mine).toEqual(
        this.replies
          .filter((reply) => reply.chat === chat)
          .map(({ text }) => text)
          .sort(),
      );
      const theirs = shown.filter((text) => text.startsWith("from bob"));
      expect(new Set(theirs).size).toBe(theirs.length);
    }
    // Delivered was said of nothing that is not on the disk.
    for (const { messageId } of this.server.said) expect(await this.device.local.message(messageId)).toBeDefined();
  }

  async end(): Promise<void> {
    const { server, device } = this;
    server.isDown = false;
    server.faults.length = 0;
    await device.agree(server);
    await settle(20);
    expect((await device.local.chats()).filter(({ isMade }) => isMade)).toEqual([]);
    for (const [chat, place] of await this.places()) {
      const inChat = server.messages.filter(({ data }) => data.chatId === place).map(({ data }) => data);
      // Everything once, in the server's order.
      expect(await device.shown(place)).toEqual(inChat.map(({ message }) => message));
      // Every act once, in the person's order.
      const sent = inChat.filter(({ fromUserId }) => fromUserId !== "bob").map(({ message }) => message);
      expect(sent).toEqual(this.replies.filter((reply) => reply.chat === chat).map(({ text }) => text));
      expect((await device.local.chat(place))?.unread ?? 0).toBe(server.unreadIn(place));
    }
    const acknowledged = server.messages
      .filter(({ state }) => state === "acknowledged")
      .map(({ data }) => data.messageId);
    expect(new Set(acknowledged)).toEqual(this.acknowledged);
    const announced = new Set(device.announced);
    expect(announced.size).toBe(device.announced.length);
    device.kill();
  }
}

test("whatever is lost, every message is shown once and every act is done once", async () => {
  const runs = Number(process.env.RUNS ?? 150);
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 3, maxLength: 40 }),
      fc.integer({ min: 1, max: 2_000_000_000 }),
      async (steps, seed) => {
        const world = new World(seed);
        await world.start();
        for (const step of steps) await world.play(step);
        await world.end();
      },
    ),
    { numRuns: runs },
  );
}, 300_000);

test("an own message that a page of history tells of before its answer and the log is shown once", async () => {
  const world = new World(1);
  await world.start();
  const steps: Step[] = [
    { kind: "fault", what: "request" },
    { kind: "receive", chat: "c1", priority: 1 },
    { kind: "reply", chat: "dora", same: false },
    { kind: "kill" },
    { kind: "fault", what: "answer" },
    { kind: "pause", turns: 0, ms: 0 },
    { kind: "read", chat: "c1" },
    { kind: "fault", what: "request" },
  ];
  for (const step of steps) await world.play(step);
  await world.end();
});
