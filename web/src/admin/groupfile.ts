// Groups from a file: the same form that `crewline group import` reads. Pure: what it would do is known before anything is done.

import type { Group } from "./calls.ts";
import { readCsv } from "./csv.ts";

export type FaultKind = "header" | "columns" | "group" | "quote" | "empty";

export interface Plan {
  /** What is wrong, by line; nothing is done then. */
  faults: { line: number; kind: FaultKind }[];
  made: Group[];
  changed: Group[];
  same: Group[];
  /** Users that are named and are none. */
  unknown: string[];
}

/** What the file asks for, against what there is. A group of the file holds afterwards who is in the file, and nobody else. */
export function planOf(text: string, groups: Group[], users: Set<string>): Plan {
  const plan: Plan = { faults: [], made: [], changed: [], same: [], unknown: [] };
  const rows = readCsv(text);
  if (rows === undefined) return { ...plan, faults: [{ line: 1, kind: "quote" }] };
  const [header, ...lines] = rows;
  if (header === undefined || header.cells.map((cell) => cell.trim()).join() !== "group,name,user") {
    return { ...plan, faults: [{ line: 1, kind: "header" }] };
  }
  const known = new Map(groups.map((group) => [group.groupId, group]));
  const wanted = new Map<string, { name: string; users: Set<string> }>();
  for (const { line, cells } of lines) {
    const [groupId, name, user] = cells;
    if (cells.length !== 3 || groupId === undefined || name === undefined || user === undefined) {
      plan.faults.push({ line, kind: "columns" });
      continue;
    }
    if (groupId === "") {
      plan.faults.push({ line, kind: "group" });
      continue;
    }
    const group = wanted.get(groupId) ?? { name: "", users: new Set<string>() };
    if (group.name === "") group.name = name;
    if (user !== "") group.users.add(user);
    wanted.set(groupId, group);
  }
  if (plan.faults.length === 0 && wanted.size === 0) plan.faults.push({ line: 1, kind: "empty" });
  const unknown = new Set<string>();
  for (const [groupId, { name, users: ids }] of wanted) {
    const before = known.get(groupId);
    for (const id of ids) if (!users.has(id)) unknown.add(id);
    const group: Group = { groupId, name: name || groupId, userIds: [...ids] };
    if (before === undefined) plan.made.push(group);
    else if (isSame(before, group)) plan.same.push(group);
    else plan.changed.push(group);
  }
  return { ...plan, unknown: [...unknown] };
}

export function isSame(one: Group, other: Group): boolean {
  const sorted = ({ userIds }: Group) => JSON.stringify([...userIds].sort());
  return one.name === other.name && sorted(one) === sorted(other);
}
