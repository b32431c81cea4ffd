import fc from "fast-check";
import { expect, test } from "vitest";
import type { Message, Recipient } from "../src/core/model.ts";
import { advanced, merged, slowest, tally, withAlerts, withFact, wordOf } from "../src/core/model.ts";
import { firstUnread, gapBelow, rowsOf, visible } from "../src/core/rows.ts";
import type { State } from "../src/core/wire.ts";
import { t } from "../src/messages/choose.ts";

function message(position: number, more: Partial<Message> = {}): Message {
  return {
    messageId: `m${position}`,
    chatId: "c1",
    position,
    from: "bob",
    fromName: "Bob",
    text: `text ${position}`,
    priority: 2,
    sentAt: `2026-11-23T03:${String(position).padStart(2, "0")}:00.000Z`,
    mine: false,
    recipients: {},
    state: "delivered",
    ...more,
  };
}
const states: State[] = ["accepted", "delivered", "read", "acknowledged"];
const to = (...list: State[]): Recipient[] => list.map((state) => ({ state }));

test("the word under an own message is that of the slowest recipient", () => {
  expect(slowest(to("read", "delivered", "acknowledged"))).toBe("delivered");
  expect(wordOf(message(1, { mine: true, recipients: { a: { state: "read" }, b: { state: "accepted" } } }))).toBe(
    "atServer",
  );
  expect(wordOf(message(1, { mine: true, recipients: {} }))).toBe("atServer");
});

test("any order and any repetition of facts gives the same state and the first time of each", () => {
  const fact = fc.constantFrom(...states);
  fc.assert(
    fc.property(fc.array(fact, { minLength: 1 }), (facts) => {
      const forth = facts.reduce<Recipient | undefined>((known, state) => withFact(known, state, "at"), undefined);
      const back = [...facts]
        .reverse()
        .reduce<Recipient | undefined>((known, state) => withFact(known, state, "at"), undefined);
      expect(forth).toEqual(back);
      expect(forth?.state).toBe(states[Math.max(...facts.map((state) => states.indexOf(state)))]);
    }),
  );
});

test("counts of the strip include the later states, and the silent are those whom no device has told", () => {
  const sums = tally(
    to(...Array<State>(3).fill("accepted"), ...Array<State>(3).fill("delivered"), ...Array<State>(11).fill("read")),
  );
  expect(t.strip(sums)).toBe("17: 14 delivered, 11 read, 3 silent");
});

test("an emergency alerts until it is acknowledged, a sticky message until it is read, and an own one never", () => {
  expect(withAlerts(message(1, { priority: 1, state: "read" }), true).open).toBe(1);
  expect(advanced(withAlerts(message(1, { priority: 1 }), true), "acknowledged").open).toBeUndefined();
  expect(withAlerts(message(1, { priority: 3 }), true).banner).toBe(1);
  expect(advanced(withAlerts(message(1, { priority: 3 }), true), "read").banner).toBeUndefined();
  expect(withAlerts(message(1, { priority: 1, mine: true }), true)).not.toHaveProperty("open");
});

test("a banner that was closed here does not come back when the message is told again", () => {
  const told = withAlerts(message(1, { priority: 3 }), true);
  const { banner: _, ...closed } = told;
  expect(merged(closed, told).banner).toBeUndefined();
  expect(merged(undefined, told).banner).toBe(1);
});

test("what is told later never takes a state back", () => {
  const known = message(1, { mine: true, recipients: { a: { state: "read", readAt: "r" } } });
  const told = message(1, { mine: true, recipients: { a: { state: "accepted" }, b: { state: "delivered" } } });
  expect(merged(known, told).recipients).toEqual({ a: { state: "read", readAt: "r" }, b: { state: "delivered" } });
});

test("rows have a day before its first message, New before the first unread one, gaps where they are, and what waits last", () => {
  const list = [
    message(1),
    message(2, { sentAt: "2026-11-24T09:00:00.000Z" }),
    message(5, { sentAt: "2026-11-24T09:01:00.000Z" }),
  ];
  const act = {
    kind: "reply" as const,
    key: "k",
    n: 1,
    at: "",
    chatId: "c1",
    text: "w",
    priority: 2 as const,
    tried: false,
  };
  const kinds = rowsOf(list, [act], 2, (time) => time.slice(0, 10)).map(({ kind }) => kind);
  expect(kinds).toEqual(["day", "message", "day", "new", "message", "gap", "message", "waiting"]);
  expect(gapBelow(list)).toBe(5);
  expect(gapBelow(list.slice(0, 2))).toBeUndefined();
});

test("the first unread message is the first that somebody else sent and nobody here has read", () => {
  expect(firstUnread([message(1, { state: "read" }), message(2, { mine: true }), message(3), message(4)])).toBe(3);
  expect(firstUnread([message(1, { state: "acknowledged" })])).toBeUndefined();
});

test("exactly the rows that touch the window are seen", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 0, max: 2000 }),
      fc.integer({ min: 1, max: 300 }),
      (sizes, top, height) => {
        const places = [0];
        for (const size of sizes) places.push((places.at(-1) ?? 0) + size);
        const { from, to } = visible(places, top, top + height);
        for (let row = 0; row < sizes.length; row++) {
          const touches = (places[row + 1] ?? 0) > top && (places[row] ?? 0) < top + height;
          if (touches) expect(row >= from && row < to).toBe(true);
        }
        expect(to - from).toBeLessThanOrEqual(height + 2);
      },
    ),
  );
});
