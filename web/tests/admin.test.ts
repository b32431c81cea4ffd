// The rules of administration that need no screen: files of groups, tables as files, the fields of phrases.

import fc from "fast-check";
import { expect, test } from "vitest";
import { readCsv, writeCsv } from "../src/admin/csv.ts";
import { planOf } from "../src/admin/groupfile.ts";
import { fieldsOf, rowsOf, toPhrases } from "../src/admin/phrases.ts";

const groups = [
  { groupId: "north", name: "Crew north", userIds: ["alice", "bob"] },
  { groupId: "south", name: "Crew south", userIds: ["carol"] },
];
const users = new Set(["alice", "bob", "carol"]);

test("whatever is written as a table is read back as it was, but for what a spreadsheet would take for a formula", () => {
  const plain = fc
    .string()
    .filter((text) => !/^[=+\-@\t\r]/.test(text) && !text.includes("\r") && !text.startsWith("\uFEFF"));
  fc.assert(
    fc.property(fc.array(fc.array(plain, { minLength: 2, maxLength: 4 }), { maxLength: 6 }), (rows) => {
      expect(readCsv(writeCsv(rows))?.map(({ cells }) => cells)).toEqual(rows);
    }),
  );
  expect(writeCsv([["=1+1", "-2", 'a "b"']])).toBe(`'=1+1,'-2,"a ""b"""\r\n`);
});

test("a file of groups says what it would do: new, changed, as they are; others stay", () => {
  const plan = planOf(
    'group,name,user\r\nnorth,,bob\nnorth,Crew north,alice\nsouth,Crew south,carol\nsouth,,bob\neast,"Crew, east",\n',
    groups,
    users,
  );
  expect(plan).toEqual({
    faults: [],
    unknown: [],
    made: [{ groupId: "east", name: "Crew, east", userIds: [] }],
    changed: [{ groupId: "south", name: "Crew south", userIds: ["carol", "bob"] }],
    same: [{ groupId: "north", name: "Crew north", userIds: ["bob", "alice"] }],
  });
});

test("a file with a fault says in which line it is, and names users that there are not", () => {
  const faults = (text: string) => planOf(text, groups, users).faults;
  expect(faults("id,name\n")).toEqual([{ line: 1, kind: "header" }]);
  expect(faults('group,name,user\nnorth,"Crew\nnorth",alice\neast,east\n,x,bob\n')).toEqual([
    { line: 4, kind: "columns" },
    { line: 5, kind: "group" },
  ]);
  expect(faults('group,name,user\n"north,,')).toEqual([{ line: 1, kind: "quote" }]);
  expect(faults("group,name,user\n")).toEqual([{ line: 1, kind: "empty" }]);
  expect(planOf("group,name,user\nnorth,,zoe\n", groups, users).unknown).toEqual(["zoe"]);
});

test("a phrase keeps its id, and its fields are found once each, in their order", () => {
  expect(fieldsOf("Switch off {line} at {time}, then {line} again {}")).toEqual(["line", "time"]);
  const phrases = [
    { phraseId: "off", text: "Switch off {line}", priority: 1 as const, shortcut: "off" },
    { phraseId: "ok", text: "Understood" },
  ];
  expect(toPhrases(rowsOf(phrases))).toEqual(phrases);
});
