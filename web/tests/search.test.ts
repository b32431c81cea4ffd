// Search on the device: by the rules of the server.

import { expect, test } from "vitest";
import type { Message } from "../src/core/model.ts";
import { isWanted, PAGE, searchHere, searchServer } from "../src/core/search.ts";

let count = 0;
function message(text: string, change: Partial<Message> = {}): Message {
  count += 1;
  return {
    messageId: `m${count}`,
    chatId: "c1",
    position: count,
    from: "bob",
    fromName: "Bob",
    text,
    priority: 2,
    sentAt: new Date(Date.parse("2026-11-23T03:00:00Z") + count * 1000).toISOString(),
    mine: false,
    recipients: {},
    state: "read",
    ...change,
  };
}
const texts = (all: Message[], text: string) =>
  searchHere(all, { text }).hits.map(({ snippet }) => snippet.map((part) => part.text).join(""));
const hits = (all: Message[], text: string) =>
  searchHere(all, { text }).hits.flatMap(({ snippet }) => snippet.filter(({ hit }) => hit).map((part) => part.text));

test("all words must be there, whatever their order, case and marks; the last may be the beginning of one", () => {
  const all = [message("Mühle: Leitung 212 ist geerdet"), message("Leitung 31"), message("Leitungen")];
  expect(texts(all, "212 LEITUNG")).toEqual(["Mühle: Leitung 212 ist geerdet"]);
  expect(hits(all, "muhle leit")).toEqual(["Mühle", "Leitung"]);
  // Words before the last are whole ones.
  expect(texts(all, "leit 31")).toEqual([]);
  expect(texts(all, "leit")).toEqual(["Leitungen", "Leitung 31", "Mühle: Leitung 212 ist geerdet"]);
  expect(texts(all, "  ?! ")).toHaveLength(3);
});

test("words in quotes stand behind each other", () => {
  const all = [message("feeder 4 has tripped"), message("has 4 tripped the feeder")];
  expect(texts(all, '"has tripped" feeder')).toEqual(["feeder 4 has tripped"]);
  expect(texts(all, '"has trip"')).toEqual([]);
  expect(texts(all, '"has trip')).toEqual(["feeder 4 has tripped"]);
});

test("a long text is cut around the first place, at a word, and the places are marked", () => {
  const text = `${"before ".repeat(40)}the Needle ${"behind ".repeat(40)}`;
  const [found] = searchHere([message(text)], { text: "needle" }).hits;
  const whole = found?.snippet.map((part) => part.text).join("") ?? "";
  expect(whole).toMatch(/^…before .*the Needle behind.*…$/);
  expect(whole.length).toBeLessThan(170);
  expect(found?.snippet.filter(({ hit }) => hit)).toEqual([{ text: "Needle", hit: true }]);
});

test("by who sent it and when: from a time on, and before another; the newest first, and so many", () => {
  const sentAt = (day: number) => ({ sentAt: `2026-11-${day}T12:00:00.000Z` });
  const all = [20, 21, 22].map((day) => message(`day ${day}`, { ...sentAt(day), from: day === 22 ? "eve" : "bob" }));
  const wanted = { text: "day", after: "2026-11-21T00:00:00.000Z", before: "2026-11-23T00:00:00.000Z" };
  expect(searchHere(all, wanted).hits.map(({ sentAt }) => sentAt.slice(8, 10))).toEqual(["22", "21"]);
  expect(searchHere(all, { ...wanted, text: "", from: "bob" }).hits.length).toBe(1);
  expect(
    searchHere(
      Array.from({ length: 80 }, () => message("many")),
      { text: "many" },
    ).hits.length,
  ).toBe(PAGE);
  expect([isWanted({ text: " ? " }), isWanted({ text: "a" }), isWanted({ text: "", from: "bob" })]).toEqual([
    false,
    true,
    true,
  ]);
});

test("the server is asked with what is wanted alone, a page at a time", async () => {
  const asked: string[] = [];
  const net = {
    open: () => {
      throw new Error("nobody opens a line here");
    },
    call: async (_: string, path: string) => {
      asked.push(path);
      return { hits: [], next: "p2" } as never;
    },
  };
  expect(await searchServer(net, { text: ' a "b c" ' })).toEqual({ hits: [], next: "p2", indexedUpTo: undefined });
  await searchServer(net, { text: "", from: "me", before: "2026-11-21T00:00:00.000Z" }, "p2");
  expect(asked).toEqual([
    "/api/v1/search?limit=50&q=a+%22b+c%22",
    "/api/v1/search?limit=50&from=me&before=2026-11-21T00%3A00%3A00.000Z&page=p2",
  ]);
});
