// The list of chats as a screen holds it: only what changed is read anew, and it is the list that the store has.

import { IDBFactory } from "fake-indexeddb";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { listsIn } from "../src/core/lists.ts";
import { Local } from "../src/core/local.ts";
import type { Chat } from "../src/core/model.ts";
import type { WireEvent } from "../src/core/wire.ts";
import { ME } from "./server.ts";

const CHATS = 4;

type Step =
  | { do: "come"; chats: number[]; priority: 1 | 2 | 3 }
  | { do: "read" | "write" | "acknowledge" | "close"; chat: number };

const chat = fc.nat({ max: CHATS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("come" as const),
    chats: fc.array(chat, { minLength: 1, maxLength: 5 }),
    priority: fc.constantFrom(1 as const, 2 as const, 3 as const),
  }),
  fc.record({ do: fc.constantFrom("read" as const, "write" as const, "acknowledge" as const, "close" as const), chat }),
);

/** A device on which things happen, and the list of it. */
class Listed {
  list: Chat[] = [];
  private readonly local: Local;
  private readonly positions = new Array<number>(CHATS).fill(0);
  private seq = 0;
  private changed: Set<string> | "all" = "all";

  constructor(local: Local) {
    this.local = local;
    local.listen((chats) => {
      this.changed = chats === "all" || this.changed === "all" ? "all" : new Set([...this.changed, ...chats]);
    });
  }

  async look(): Promise<void> {
    const { changed } = this;
    this.changed = new Set();
    const shown = { chats: this.list, changed, toasts: [], openId: undefined };
    this.list = (await this.local.look((tx) => listsIn(tx, shown))).chats;
  }

  private event(n: number, priority: 1 | 2 | 3): WireEvent {
    const position = (this.positions[n] ?? 0) + 1;
    this.positions[n] = position;
    this.seq += 1;
    const at = new Date(Date.UTC(2026, 10, 23) + this.seq * 1_000).toISOString();
    const [chatId, messageId] = [`c${n}`, `m${n}-${position}`];
    const from = { fromUserId: `bob${n}`, fromUserName: "Bob", allUserIds: [ME, `bob${n}`] };
    const data = { messageId, chatId, position, ...from, message: "text", priority, sentAt: at };
    return { seq: this.seq, type: "message.received", timestamp: at, data };
  }

  async take(step: Step): Promise<void> {
    if (step.do === "come") {
      await this.local.takeEvents(step.chats.map((n) => this.event(n, step.priority)));
      return;
    }
    const chatId = `c${step.chat}`;
    const newest = this.positions[step.chat] ?? 0;
    if (step.do === "read") await this.local.read(chatId, newest, [], "at");
    else if (step.do === "acknowledge") await this.local.acknowledge(`m${step.chat}-${newest}`, "at");
    else if (step.do === "close") await this.local.closeBanner(chatId);
    else {
      await this.local.reply({ chatId, text: "mine", key: `k${this.seq}`, at: "at" });
      const waits = await this.local.outbox();
      await this.local.dropActs(waits.map(({ n }) => n));
    }
  }
}

test("a list of which only the changed chats are read anew is the one that the store has, whatever happened", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), fc.nat({ max: 3 }), async (steps, pause) => {
      const local = await Local.open("crewline", new IDBFactory());
      await local.signIn({ userId: ME, name: "Alice", role: "crew" });
      await local.takeSnapshot({ epoch: "e1", chats: [{ chats: [], asOf: 0 }], unread: [] }, true);
      const listed = new Listed(local);
      for (const [at, step] of steps.entries()) {
        await listed.take(step);
        // Not each change is looked at by itself.
        if (at % (pause + 1) === 0) await listed.look();
      }
      await listed.look();
      // How far was read is no part of what a list shows, and is written without telling.
      const shown = (chats: Chat[]) => chats.map(({ readTo: _, ...chat }) => chat);
      expect(shown(listed.list)).toEqual(shown(await local.chats()));
      local.close();
    }),
    { numRuns: 100 },
  );
});

test("what waits is told of as changed, and no chat has to be read for a receipt that was taken", async () => {
  const local = await Local.open("crewline", new IDBFactory());
  await local.signIn({ userId: ME, name: "Alice", role: "crew" });
  await local.takeSnapshot({ epoch: "e1", chats: [{ chats: [], asOf: 0 }], unread: [] }, true);
  const listed = new Listed(local);
  await listed.take({ do: "come", chats: [0, 0, 1], priority: 2 });
  await listed.take({ do: "read", chat: 0 });
  const told: (Set<string> | "all")[] = [];
  local.listen((chats) => told.push(chats));
  await local.dropActs((await local.outbox()).map(({ n }) => n));
  expect(told).toEqual([new Set()]);
});
