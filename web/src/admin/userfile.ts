// Users from a file: the same form that `crewline user import` reads. Pure: what it would do is known before anything is done.

import type { Role, User } from "./calls.ts";
import { readCsv } from "./csv.ts";

export type UserFault = "header" | "columns" | "id" | "role" | "twice" | "quote" | "empty";

export interface Wanted {
  userId: string;
  name: string;
  role: Role;
  /** Empty: none is set, or the old one stays. */
  password: string;
}
export interface UserPlan {
  faults: { line: number; kind: UserFault }[];
  added: Wanted[];
  /** With what changes of it. */
  changed: { userId: string; changes: { name?: string; role?: Role } }[];
  /** Users that there are, whose password is in the file. What they have now nobody knows, so it is set in any case. */
  passwords: Wanted[];
  same: string[];
}

const COLUMNS = ["id", "name", "role", "password"] as const;
const ROLES: readonly string[] = ["crew", "dispatcher", "administrator"] satisfies Role[];

/** What the file asks for, against what there is. A user who is not in the file stays as it is. */
export function usersOf(text: string, users: Map<string, Pick<User, "name" | "role">>): UserPlan {
  const plan: UserPlan = { faults: [], added: [], changed: [], passwords: [], same: [] };
  const rows = readCsv(text);
  if (rows === undefined) return { ...plan, faults: [{ line: 1, kind: "quote" }] };
  const [header, ...lines] = rows;
  const names = header?.cells.map((cell) => cell.trim()) ?? [];
  const places = COLUMNS.map((column) => names.indexOf(column));
  if (names.length !== COLUMNS.length || places.includes(-1)) return { ...plan, faults: [{ line: 1, kind: "header" }] };
  const seen = new Set<string>();
  for (const { line, cells } of lines) {
    const [userId = "", name = "", role = "", password = ""] = places.map((place) => cells[place]);
    const kind = faultOf(cells, userId, role, seen);
    if (kind !== undefined) plan.faults.push({ line, kind });
    else take(plan, { userId, name: name || userId, role: (role || "crew") as Role, password }, users.get(userId));
    seen.add(userId);
  }
  if (seen.size === 0) plan.faults.push({ line: 1, kind: "empty" });
  return plan;
}

function faultOf(cells: string[], userId: string, role: string, seen: Set<string>): UserFault | undefined {
  if (cells.length !== COLUMNS.length) return "columns";
  if (userId === "") return "id";
  if (seen.has(userId)) return "twice";
  return role === "" || ROLES.includes(role) ? undefined : "role";
}

function take(plan: UserPlan, wanted: Wanted, there: Pick<User, "name" | "role"> | undefined): void {
  const { userId, name, role, password } = wanted;
  if (there === undefined) {
    plan.added.push(wanted);
    return;
  }
  const changes = { ...(name === there.name ? {} : { name }), ...(role === there.role ? {} : { role }) };
  const isChanged = Object.keys(changes).length > 0;
  if (isChanged) plan.changed.push({ userId, changes });
  if (password !== "") plan.passwords.push(wanted);
  if (!isChanged && password === "") plan.same.push(userId);
}
