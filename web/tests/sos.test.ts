// An SOS: held, called off, sent once whatever is lost, before all else that waits, and open until somebody acknowledges.

import { IDBFactory } from "fake-indexeddb";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { SosSetting } from "../src/core/sos.ts";
import {
  beginSos,
  cancelSos,
  closeSos,
  HOLD_MS,
  Hold,
  readSosSetting,
  resumeSos,
  sendSos,
  sosOf,
  WINDOW_MS,
} from "../src/core/sos.ts";
import { Device } from "./device.ts";
import { FakeClock, FakeServer, settle } from "./server.ts";

const SETTING: SosSetting = { toUserIds: ["bob"], toGroups: [{ groupId: "on-duty" }], groupNames: {} };

async function device(setting: SosSetting | undefined = SETTING) {
  const [server, clock, disk] = [new FakeServer(), new FakeClock(), new IDBFactory()];
  server.groups.set("on-duty", ["dora"]);
  const one = await Device.start(server, clock, disk);
  await one.agree(server);
  if (setting !== undefined) await one.local.inTx((tx) => tx.setNote("sosTo", setting));
  return { server, clock, disk, one };
}

const begin = ({ local }: Device, key: string, now: number) => local.inTx((tx) => beginSos(tx, key, now));
const phase = async ({ local }: Device) => (await local.look(sosOf)).phase;
async function send({ local, sync }: Device, now: number): Promise<boolean> {
  const went = await local.inTx((tx) => sendSos(tx, now, ({ at }) => `SOS ${at}`));
  sync.poke();
  return went;
}

test("a button is held to its end once for each press, and not when it was let go", () => {
  const hold = new Hold();
  hold.press(1000);
  hold.press(2000);
  expect(hold.left(2000)).toBe(HOLD_MS - 1000);
  expect(hold.isOver(1000 + HOLD_MS - 1)).toBe(false);
  expect(hold.isOver(1000 + HOLD_MS)).toBe(true);
  expect(hold.isOver(1000 + HOLD_MS)).toBe(false);
  hold.press(9000);
  hold.release();
  expect(hold.isOver(99_000)).toBe(false);
  // A clock that was set back does not make one hold for ever.
  hold.press(50_000);
  expect(hold.left(10_000)).toBe(HOLD_MS);
});

test("it can be called off until its window is over, and not after", async () => {
  const { server, clock, one } = await device();
  const now = clock.now();
  await begin(one, "k1", now);
  expect(await send(one, now + WINDOW_MS - 1)).toBe(false);
  await one.local.inTx(cancelSos);
  expect(await phase(one)).toBe("none");
  expect(await send(one, now + WINDOW_MS)).toBe(false);
  await begin(one, "k2", now);
  expect(await send(one, now + WINDOW_MS)).toBe(true);
  await one.local.inTx(cancelSos);
  await one.agree(server);
  expect(server.messages.map(({ key, data }) => [key, data.priority])).toEqual([["k2", 1]]);
  expect(server.setOf(server.messages[0]?.data.chatId ?? "")).toEqual(["alice", "bob", "dora"]);
});

test("without contact it waits, survives a restart, and goes before all else, with the time at which it was pressed", async () => {
  const { server, clock, disk, one } = await device();
  server.isDown = true;
  server.cut();
  await settle();
  await one.reply("c1", "an ordinary one");
  const now = clock.now();
  await begin(one, "k1", now);
  await send(one, now + WINDOW_MS);
  expect(await phase(one)).toBe("waiting");
  one.kill();
  const again = await Device.start(server, clock, disk);
  expect(await phase(again)).toBe("waiting");
  clock.advance(600_000);
  server.isDown = false;
  await again.agree(server);
  const pressed = new Date(now).toISOString();
  expect(server.messages.map(({ data }) => data.message)).toEqual([`SOS ${pressed}`, "an ordinary one"]);
  expect(await phase(again)).toBe("sent");
});

test("a second press makes no second alarm before it was acknowledged, and a new one after", async () => {
  const { server, clock, one } = await device();
  const now = clock.now();
  for (const key of ["k1", "k2"]) await begin(one, key, now);
  await send(one, now + WINDOW_MS);
  await begin(one, "k3", now);
  await one.agree(server);
  await begin(one, "k4", now);
  expect(await send(one, now + 60_000)).toBe(false);
  const [message] = server.messages;
  expect([server.messages.length, message?.key]).toEqual([1, "k1"]);
  const { messageId, chatId } = message?.data ?? { messageId: "", chatId: "" };
  server.tell("message.read", { messageId, chatId, userId: "bob", at: "2026-11-23T03:00:10Z" });
  await one.agree(server);
  expect(await phase(one)).toBe("sent");
  server.tell("message.acknowledged", { messageId, chatId, userId: "bob", at: "2026-11-23T03:00:20Z" });
  await one.agree(server);
  expect(await one.local.look(sosOf)).toMatchObject({
    phase: "answered",
    message: { recipients: { bob: { readAt: "2026-11-23T03:00:10Z", acknowledgedAt: "2026-11-23T03:00:20Z" } } },
  });
  await begin(one, "k5", now);
  await send(one, now + WINDOW_MS);
  await one.agree(server);
  expect(server.messages.map(({ key }) => key)).toEqual(["k1", "k5"]);
});

test("a clock that is set back does not hold the window open", async () => {
  const { server, clock, one } = await device();
  await begin(one, "k1", clock.now());
  expect(await send(one, clock.now() - 3_600_000)).toBe(true);
  await one.agree(server);
  expect(server.messages.length).toBe(1);
});

test("a window that was open when the app was closed is opened once more, and another page does not make it longer", async () => {
  const { clock, one } = await device();
  await begin(one, "k1", clock.now());
  await one.local.inTx((tx) => resumeSos(tx, clock.now() + 1_000));
  expect(await one.local.look(sosOf)).toMatchObject({ phase: "window", goesAt: clock.now() + WINDOW_MS });
  const later = clock.now() + 3_600_000;
  await one.local.inTx((tx) => resumeSos(tx, later));
  expect(await send(one, later)).toBe(false);
  expect(await one.local.look(sosOf)).toMatchObject({ phase: "window", goesAt: later + WINDOW_MS });
});

test("whom the server does not know any more is left out, and it goes to the others", async () => {
  const { server, clock, one } = await device({
    ...SETTING,
    toUserIds: ["nobody", "bob"],
    toGroups: [{ groupId: "gone" }, { groupId: "on-duty" }],
  });
  await begin(one, "k1", clock.now());
  await send(one, clock.now() + WINDOW_MS);
  await one.agree(server);
  expect(server.setOf(server.messages[0]?.data.chatId ?? "")).toEqual(["alice", "bob", "dora"]);
});

test("one that the server does not take says so, can be tried again, and can be put away", async () => {
  const { server, clock, one } = await device({ ...SETTING, toUserIds: ["nobody"], toGroups: [] });
  await begin(one, "k1", clock.now());
  await send(one, clock.now() + WINDOW_MS);
  await one.agree(server);
  expect(await one.local.look(sosOf)).toMatchObject({ phase: "refused", reason: "refused: unknown_recipient" });
  await one.local.inTx((tx) => tx.setNote("sosTo", SETTING));
  await begin(one, "k2", clock.now());
  await send(one, clock.now() + WINDOW_MS);
  await one.agree(server);
  expect(server.messages.map(({ key }) => key)).toEqual(["k2"]);
  expect((await one.local.chats()).length).toBe(1);
  // What is open is not put away.
  await one.local.inTx(closeSos);
  expect(await phase(one)).toBe("sent");
});

test("into a chat that is there already it reads nothing that was not read before", async () => {
  const { server, clock, one } = await device();
  const { chatId } = server.createChat(["bob", "dora"]);
  const read = server.receive(chatId, "bob", "was read");
  await one.agree(server);
  await one.local.read(chatId, read.position, [], one.at());
  one.sync.poke();
  server.receive(chatId, "bob", "was not");
  await one.agree(server);
  server.faults.push("request");
  await begin(one, "k1", clock.now());
  await send(one, clock.now() + WINDOW_MS);
  await one.agree(server);
  expect(server.replies.at(-1)).toMatchObject({ idempotencyKey: "k1", chatId, readUpTo: read.messageId });
});

test("where nobody is set, nothing begins", async () => {
  const { clock, one } = await device({ toUserIds: [], toGroups: [], groupNames: {}, phone: "112" });
  await begin(one, "k1", clock.now());
  expect(await phase(one)).toBe("none");
});

test("whom it goes to is read with the names of groups, of as many pages as there are, and the number to call", async () => {
  const asked: string[] = [];
  const setting = await readSosSetting({
    open: () => {
      throw new Error("nobody opens a line here");
    },
    call: async (_, path) => {
      asked.push(path);
      const sos = { toUsers: ["bob"], toExternals: ["desk"], toGroups: [{ groupId: "z" }, { groupId: "on-duty" }] };
      if (path.endsWith("/organisation")) return { sos, phone: { number: "112" } } as never;
      if (path.includes("after=a")) return { groups: [{ groupId: "z", name: "Zed crew" }] } as never;
      return { groups: [{ groupId: "a", name: "A" }], next: "a" } as never;
    },
  });
  expect(asked.length).toBe(3);
  expect(setting).toEqual({
    toUserIds: ["bob", "desk"],
    toGroups: [{ groupId: "z" }, { groupId: "on-duty" }],
    groupNames: { z: "Zed crew", "on-duty": "on-duty" },
    phone: "112",
  });
});

const loss = fc.constantFrom("request" as const, "answer" as const, "cut" as const, "kill" as const, "press" as const);

test("whatever is lost on the way, and however often one presses, there is one alarm, and it is known as sent", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(loss, { maxLength: 8 }), fc.integer({ min: 0, max: 20 }), async (losses, turns) => {
      const { server, clock, disk, one } = await device();
      let now = one;
      await now.reply("c1", "waits too");
      await begin(now, "k", clock.now());
      await send(now, clock.now() + WINDOW_MS);
      for (const [at, what] of losses.entries()) {
        await settle(turns);
        if (what === "request" || what === "answer") server.faults.push(what);
        else if (what === "cut") server.cut();
        else if (what === "press") {
          await begin(now, `again${at}`, clock.now());
          await send(now, clock.now() + WINDOW_MS);
        } else {
          now.kill();
          now = await Device.start(server, clock, disk);
        }
        clock.advance(1_000);
      }
      await now.agree(server);
      server.faults.length = 0;
      const alarms = server.messages.filter(({ data }) => data.priority === 1);
      expect(alarms.map(({ key }) => key)).toEqual(["k"]);
      expect(await now.local.look(sosOf)).toMatchObject({
        phase: "sent",
        message: { messageId: alarms[0]?.data.messageId },
      });
      expect((await now.local.chats()).filter(({ isMade }) => isMade)).toEqual([]);
    }),
    { numRuns: 40 },
  );
});
