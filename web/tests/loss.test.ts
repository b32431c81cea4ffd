// Whatever is lost on the way, and whenever the browser is killed: every message is shown once, and every act is done once.

import { IDBFactory } from "fake-indexeddb";
import fc from "fast-check";
import { expect, test } from "vitest";
import { END } from "../src/core/local.ts";
import { Device } from "./device.ts";
import { FakeClock, FakeServer, settle } from "./server.ts";

const CHATS = ["c1", "c2"];

type Step =
  | { kind: "receive"; chat: string; priority: 1 | 2 | 3 }
  | { kind: "reply"; chat: string; same: boolean }
  | { kind: "read"; chat: string }
  | { kind: "acknowledge" }
  | { kind: "fault"; what: "request" | "answer" }
  | { kind: "cut" | "down" | "up" | "kill" | "wake" }
  | { kind: "pause"; turns: number; ms: number };

const chat = fc.constantFrom(...CHATS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("receive" as const), chat, priority: fc.constantFrom(1, 2, 3) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("reply" as const), chat, same: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("read" as const), chat }) },
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
      case "receive":
        server.receive(step.chat, "bob", `from bob ${server.messages.length}`, step.priority);
        break;
      case "reply": {
        const text = step.same ? "same" : `mine ${this.replies.length}`;
        this.replies.push({ chat: step.chat, text });
        await device.reply(step.chat, text);
        break;
      }
      case "read": {
        const shown = await device.local.messages(step.chat, 1, END, 50);
        const newest = shown.at(-1);
        if (newest !== undefined) await device.local.read(step.chat, newest.position, [], device.at());
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

  private network(kind: string): void {
    if (kind === "cut") this.server.cut();
    if (kind === "wake") this.device.sync.wake();
    if (kind === "down") {
      this.server.isDown = true;
      this.server.cut();
    }
    if (kind === "up") this.server.isDown = false;
  }

  /** What holds at every moment: nothing is shown twice, nothing that the person wrote is gone, and no more. */
  private async holds(): Promise<void> {
    for (const chat of CHATS) {
      const shown = (await this.device.shown(chat)).map((text) => text.replace(" (waits)", ""));
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
    for (const chat of CHATS) {
      const inChat = server.messages.filter(({ data }) => data.chatId === chat).map(({ data }) => data);
      // Everything once, in the server's order.
      expect(await device.shown(chat)).toEqual(inChat.map(({ message }) => message));
      // Every act once, in the person's order.
      const sent = inChat.filter(({ fromUserId }) => fromUserId !== "bob").map(({ message }) => message);
      expect(sent).toEqual(this.replies.filter((reply) => reply.chat === chat).map(({ text }) => text));
      expect((await device.local.chat(chat))?.unread ?? 0).toBe(server.unreadIn(chat));
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
