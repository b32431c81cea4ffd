// What administration asks the server for, and the answers as far as they are shown. The contract is docs/reference-http.md.

import { net } from "../browser.ts";
import { pagesOf } from "../core/pages.ts";
import type { Person, Phrase, ToGroup } from "../core/wire.ts";

export type { Group, Phrase, ToGroup } from "../core/wire.ts";

export type Role = "crew" | "dispatcher" | "administrator";

export interface Device {
  deviceId: string;
  deviceName?: string | null;
  lastSeenAt: string;
}
export interface Session {
  sessionId: string;
  deviceId: string;
  createdAt: string;
  expiresAt: string;
  current: boolean;
}
export interface User {
  userId: string;
  name: string;
  role: Role;
  disabled: boolean;
  hasPassword: boolean;
  createdAt: string;
  watches: string[];
  devices: Device[];
  sessions: Session[];
  lastSeenAt?: string | null;
}
export interface UserAdded {
  user: User;
  password?: string | null;
  looksLike?: string | null;
}
export interface Known extends Person {
  onDuty?: boolean | null;
}
export interface Present {
  userId: string;
  name: string;
  onDuty?: boolean | null;
  /** By which way reachable now. */
  by?: "app" | "push" | null;
}
export interface External {
  externalId: string;
  name: string;
  tokenIds: string[];
  lastUsedAt?: string | null;
}
export interface Token {
  tokenId: string;
  kind: "user" | "external" | "administration";
  owners: string[];
  createdAt: string;
  lastUsedAt?: string | null;
  token?: string | null;
}
export interface Sos {
  revision: number;
  phone?: string | null;
  toUsers?: string[] | null;
  toGroups?: ToGroup[] | null;
  toExternals?: string[] | null;
}
export interface Phone {
  revision: number;
  number?: string | null;
}
export interface Organisation {
  phrases: { revision: number; phrases: Phrase[] };
  sos: Sos;
  phone: Phone;
}
export interface Failure {
  seq: number;
  parked: boolean;
  firstAt: string;
  lastAt: string;
  attempts: number;
  error: string;
  answer: string;
  again: boolean;
  status?: number | null;
}
export interface Webhook {
  webhookId: string;
  participant: string;
  url: string;
  state: "active" | "paused";
  createdAt: string;
  seq: number;
  head: number;
  parked: number;
  dropped: number;
  failing?: Failure | null;
  reason?: string | null;
  secret?: string | null;
  types?: string[] | null;
}
export interface Tested {
  taken: boolean;
  answer: string;
  tookMs: number;
  error?: string | null;
  status?: number | null;
}
export interface Entry {
  auditId: string;
  at: string;
  what: string;
  who: string;
  role: string;
  refused: boolean;
  about?: string | null;
  address?: string | null;
  credential?: string | null;
  detail?: string | null;
  deviceId?: string | null;
}
export interface AuditPage {
  entries: Entry[];
  next?: string | null;
}
export interface Kept {
  auditSeconds?: number | null;
  cursorsSeconds?: number | null;
  messagesSeconds?: number | null;
}
export interface SystemState {
  version: string;
  commit?: string | null;
  startedAt: string;
  uptimeSeconds: number;
  ready: boolean;
  trouble?: string | null;
  store: {
    name: string;
    bytes: number;
    walBytes: number;
    epoch: string;
    schema?: number | null;
    diskFreeBytes?: number | null;
  };
  sessions: number;
  sockets: number;
  streams: number;
  queuedRows: number;
  webhooksFailing: string[];
  lastErrors: { at: string; level: string; text: string }[];
}

export const seg = encodeURIComponent;

/** A query of those that say something. */
export function query(path: string, asked: Record<string, string | number | undefined>): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) {
    if (value !== undefined && value !== "") words.set(name, String(value));
  }
  return words.size === 0 ? path : `${path}?${words}`;
}

export const get = <T>(path: string) => net.call<T>("GET", path);
export const post = <T>(path: string, body?: unknown) => net.call<T>("POST", path, body);
export const put = <T>(path: string, body?: unknown) => net.call<T>("PUT", path, body);
export const patch = <T>(path: string, body: unknown) => net.call<T>("PATCH", path, body);
export const remove = (path: string) => net.call<void>("DELETE", path);

/** How many pages are read at most where all are wanted: 10,000 rows. */
const PAGES_MAX = 10;

/** Everything in a list, by its pages. */
export async function all<T>(path: string, field: string): Promise<T[]> {
  const found: T[] = [];
  let pages = 0;
  const asked = `${path}${path.includes("?") ? "&" : "?"}limit=1000`;
  for await (const page of pagesOf<Record<string, unknown>>(net, asked)) {
    found.push(...(page[field] as T[]));
    pages += 1;
    if (pages === PAGES_MAX) break;
  }
  return found;
}

/** How many pages of the audit are read at most for one look: each has looked at 10,000 messages. */
const AUDIT_PAGES_MAX = 100;

/** So many entries of the audit, newest first, behind a place. A page may hold less than was asked for, and still not be the last. */
export async function audit(
  asked: Record<string, string | undefined>,
  most: number,
  before?: string | null,
): Promise<AuditPage> {
  const entries: Entry[] = [];
  let next = before ?? null;
  for (let page = 0; page < AUDIT_PAGES_MAX && entries.length < most; page++) {
    const limit = Math.min(1000, most - entries.length);
    const answer: AuditPage = await get(query("/api/v1/admin/audit", { ...asked, limit, before: next ?? undefined }));
    entries.push(...answer.entries);
    next = answer.next ?? null;
    if (next === null) break;
  }
  return { entries, next };
}
