// The rules of administration that need no screen: files of groups, tables as files, the fields of phrases.

import fc from "fast-check";
import { expect, test } from "vitest";
import { SETS } from "../src/admin/auditsets.ts";
import { readCsv, writeCsv } from "../src/admin/csv.ts";
import { planOf } from "../src/admin/groupfile.ts";
import { doAll, isWhole } from "../src/admin/importing.ts";
import { fieldsOf, rowsOf, toPhrases } from "../src/admin/phrases.ts";
import { usersOf } from "../src/admin/userfile.ts";
import { CallError } from "../src/core/net.ts";
import { record as de } from "../src/messages/admin-de-record.ts";
import { record as en } from "../src/messages/admin-en-record.ts";

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

const known = new Map([
  ["alice", { name: "Alice Adams", role: "crew" as const }],
  ["bob", { name: "Bob Brown", role: "dispatcher" as const }],
]);

test("a file of users says who is new, what changes, who gets a password, and who stays", () => {
  const file =
    "name,id,password,role\nAlice Adams,alice,,\nBob B.,bob,secret words,crew\n,dora,,administrator\nErik Sund,erik,other words,\n";
  expect(usersOf(file, known)).toEqual({
    faults: [],
    added: [
      { userId: "dora", name: "dora", role: "administrator", password: "" },
      { userId: "erik", name: "Erik Sund", role: "crew", password: "other words" },
    ],
    changed: [{ userId: "bob", changes: { name: "Bob B.", role: "crew" } }],
    passwords: [{ userId: "bob", name: "Bob B.", role: "crew", password: "secret words" }],
    same: ["alice"],
  });
});

test("a file of users with a fault says in which line it is", () => {
  const faults = (text: string) => usersOf(text, known).faults;
  expect(faults("id,name,role\n")).toEqual([{ line: 1, kind: "header" }]);
  expect(faults("id,name,role,password,id\n")).toEqual([{ line: 1, kind: "header" }]);
  expect(faults("id,name,role,password\na,A,boss,\n,B,crew,\nc,C\nd,D,,\nd,D,,\n")).toEqual([
    { line: 2, kind: "role" },
    { line: 3, kind: "id" },
    { line: 4, kind: "columns" },
    { line: 6, kind: "twice" },
  ]);
  expect(faults("id,name,role,password\n")).toEqual([{ line: 1, kind: "empty" }]);
});

/** Steps that end with these statuses; 200 is done. */
const steps = (...statuses: number[]) =>
  statuses.map((status, at) => ({
    name: `step ${at + 1}`,
    go: () => (status === 200 ? Promise.resolve() : Promise.reject(new CallError(status))),
  }));
const become = (...statuses: number[]) =>
  doAll(
    steps(...statuses),
    ({ status }) => `${status}`,
    () => {},
  );

test("what is refused for itself does not hold the rest of an import up, and is named with its reason", async () => {
  const outcome = await become(200, 422, 404, 200);
  expect(outcome).toEqual({
    done: ["step 1", "step 4"],
    refused: [
      { name: "step 2", why: "422" },
      { name: "step 3", why: "404" },
    ],
    unknown: [],
    left: [],
  });
  expect(isWhole(outcome)).toBe(false);
  expect(isWhole(await become(200, 200))).toBe(true);
});

test("an import stops where the server is away or busy, and says what was not tried and what is not known", async () => {
  expect(await become(200, 0, 200, 200)).toEqual({
    done: ["step 1"],
    refused: [],
    unknown: ["step 2"],
    left: ["step 3", "step 4"],
  });
  expect(await become(503, 200)).toEqual({
    done: [],
    refused: [{ name: "step 1", why: "503" }],
    unknown: [],
    left: ["step 2"],
  });
});

test("every kind of the audit that can be looked for is in one set, and has its words in each language", () => {
  const kinds = Object.values(SETS).flat();
  expect(new Set(kinds).size).toBe(kinds.length);
  expect(kinds.filter((kind) => !(kind in en.audit.whats))).toEqual([]);
  expect(Object.keys(de.audit.whats).sort()).toEqual(Object.keys(en.audit.whats).sort());
});
