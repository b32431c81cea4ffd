// An SOS: from the press to the one who has seen it. There is one at a time on a device. It is kept from the moment in
// which the person has held long enough, so that neither a second press nor a second tab makes a second alarm; until its
// window is over it can be called off, and then it goes out before everything else that waits. No clock, no browser; each
// function on a `Tx` runs in a transaction that its caller opened.

import type { Tx } from "./database.ts";
import type { Act, Message, ReplyAct } from "./model.ts";
import { isAtLeast } from "./model.ts";
import type { Net } from "./net.ts";
import { pagesOf } from "./pages.ts";
import { type GroupsPage, ON_DUTY, type Organisation, type ToGroup } from "./wire.ts";

/** How long one holds. */
export const HOLD_MS = 3_000;
/** How long it can be called off. Nothing is waited for beyond that, the position included. */
export const WINDOW_MS = 5_000;

/** Whom an SOS goes to, as the administrator has set it, and as this device read it last. */
export interface SosSetting {
  toUserIds: string[];
  toGroups: ToGroup[];
  /** Names of the groups, by id. */
  groupNames: Record<string, string>;
  phone?: string;
}

/** The SOS of this device. Its key is that of its message. */
export interface SosNote {
  key: string;
  /** When the person pressed. */
  at: string;
  /** Until then it can be called off; not there any more when it is on its way. */
  goesAt?: number;
  messageId?: string;
}

export interface Position {
  latitude: number;
  longitude: number;
  /** In metres. */
  accuracy: number;
  /** When it was measured. */
  at: number;
}

export type Sos =
  | { phase: "none" }
  | { phase: "window"; note: SosNote; goesAt: number }
  /** On this device alone. */
  | { phase: "waiting"; note: SosNote; chatId: string }
  | { phase: "refused"; note: SosNote; reason: string }
  | { phase: "sent"; note: SosNote; message: Message }
  /** Somebody has acknowledged it: the next press is a new one. */
  | { phase: "answered"; note: SosNote; message: Message };

/** Holding a button: nothing happens before it was held to its end. */
export class Hold {
  private since: number | undefined;

  /** Pressed; a key that repeats presses once. */
  press(now: number): void {
    this.since ??= now;
  }

  release(): void {
    this.since = undefined;
  }

  get isHeld(): boolean {
    return this.since !== undefined;
  }

  left(now: number): number {
    return this.since === undefined ? HOLD_MS : Math.max(0, HOLD_MS - Math.max(0, now - this.since));
  }

  /** Whether it has been held to its end: told once for each press. */
  isOver(now: number): boolean {
    if (this.since === undefined || this.left(now) > 0) return false;
    this.since = undefined;
    return true;
  }
}

export async function readSosSetting(net: Net): Promise<SosSetting> {
  const { sos, phone } = await net.call<Organisation>("GET", "/api/v1/organisation");
  const toGroups = sos.toGroups ?? [];
  const groupNames: Record<string, string> = {};
  const isUnnamed = ({ groupId }: ToGroup) => groupId !== ON_DUTY && groupNames[groupId] === undefined;
  if (toGroups.some(isUnnamed)) {
    for await (const page of pagesOf<GroupsPage>(net, "/api/v1/groups?limit=1000")) {
      for (const { groupId, name } of page.groups) groupNames[groupId] = name;
      if (!toGroups.some(isUnnamed)) break;
    }
  }
  const number = sos.phone ?? phone.number;
  return {
    toUserIds: [...(sos.toUsers ?? []), ...(sos.toExternals ?? [])],
    toGroups,
    groupNames: Object.fromEntries(toGroups.map(({ groupId }) => [groupId, groupNames[groupId] ?? groupId])),
    ...(number ? { phone: number } : {}),
  };
}

export function isSet(setting: SosSetting | undefined): setting is SosSetting {
  return setting !== undefined && setting.toUserIds.length + setting.toGroups.length > 0;
}

/** What became of the SOS of this device. */
export async function sosOf(tx: Tx): Promise<Sos> {
  const note = await tx.note("sos");
  if (note === undefined) return { phase: "none" };
  if (note.goesAt !== undefined) return { phase: "window", note, goesAt: note.goesAt };
  const act = await actOf(tx, note.key);
  const messageId = note.messageId ?? act?.sentAs;
  const message = messageId === undefined ? undefined : await tx.get("messages", messageId);
  if (message !== undefined) {
    const isAnswered = Object.values(message.recipients).some(({ state }) => isAtLeast(state, "acknowledged"));
    return { phase: isAnswered ? "answered" : "sent", note, message };
  }
  if (act?.refused !== undefined) return { phase: "refused", note, reason: act.refused };
  // Neither waiting nor known: the store was begun anew. Who presses now may send one.
  return act === undefined ? { phase: "none" } : { phase: "waiting", note, chatId: act.chatId };
}

async function actOf(tx: Tx, key: string): Promise<(Act & ReplyAct) | undefined> {
  const acts = await tx.all("outbox");
  return acts.find((act): act is Act & ReplyAct => act.kind === "reply" && act.key === key);
}

/** The person has held long enough, or pressed to send: the window begins. One that is open stays the one. */
export async function beginSos(tx: Tx, key: string, now: number): Promise<void> {
  const { phase } = await sosOf(tx);
  if (phase === "window" || phase === "waiting" || phase === "sent") return;
  if (!isSet(await tx.note("sosTo"))) return;
  if (phase === "refused") await dropActs(tx);
  await tx.setNote("sos", { key, at: new Date(now).toISOString(), goesAt: now + WINDOW_MS });
}

/** Calls it off, as long as the window is open. */
export async function cancelSos(tx: Tx): Promise<void> {
  const note = await tx.note("sos");
  if (note?.goesAt !== undefined) await tx.dropNote("sos");
}

/** Whether the window is over; a clock that was set back since does not hold it open. */
function isWindowOver(goesAt: number, now: number): boolean {
  return now >= goesAt || goesAt - now > WINDOW_MS;
}

/** The app was closed while the window was open: it is opened once more, since nobody saw how it ended. */
export async function resumeSos(tx: Tx, now: number): Promise<void> {
  const note = await tx.note("sos");
  if (note?.goesAt === undefined || now < note.goesAt) return;
  await tx.setNote("sos", { ...note, goesAt: now + WINDOW_MS });
}

/** Puts it into the outbox when its window is over, once, whoever looks first. Resolves to whether it did. */
export async function sendSos(tx: Tx, now: number, text: (note: SosNote) => string): Promise<boolean> {
  const [note, setting, me] = [await tx.note("sos"), await tx.note("sosTo"), await tx.note("me")];
  if (note?.goesAt === undefined || !isWindowOver(note.goesAt, now)) return false;
  if (me === undefined || !isSet(setting)) return false;
  const { goesAt: _, ...rest } = note;
  const chatId = `sos-${note.key}`;
  const { toUserIds, toGroups } = setting;
  const others = toUserIds.filter((id) => id !== me.userId);
  // Who is in the groups is decided by the server when it goes out: until then the chat has the others alone.
  await tx.put("chats", {
    chatId,
    userIds: [...others, me.userId],
    activity: note.at,
    lastPosition: 0,
    unread: 0,
    asOf: 0,
    readTo: 0,
    isMade: true,
  });
  await tx.queue({ kind: "chat", chatId, toUserIds: others, toGroups, at: note.at, isSos: true });
  const key = note.key;
  await tx.queue({
    kind: "reply",
    key,
    chatId,
    text: text(rest),
    priority: 1,
    at: note.at,
    tried: false,
    isSos: true,
  });
  await tx.setNote("sos", rest);
  return true;
}

/** The server has it, under this id. */
export async function noteSosSent(tx: Tx, key: string, messageId: string): Promise<void> {
  const note = await tx.note("sos");
  if (note?.key === key) await tx.setNote("sos", { ...note, messageId });
}

/** The person is done with one that was answered, or that the server does not take. */
export async function closeSos(tx: Tx): Promise<void> {
  const { phase } = await sosOf(tx);
  if (phase !== "answered" && phase !== "refused") return;
  if (phase === "refused") await dropActs(tx);
  await tx.dropNote("sos");
}

async function dropActs(tx: Tx): Promise<void> {
  for (const act of await tx.all("outbox")) {
    if (!("isSos" in act)) continue;
    await tx.remove("outbox", act.n);
    const chat = await tx.get("chats", act.chatId);
    if (chat?.isMade) await tx.remove("chats", act.chatId);
  }
}

/**
 * Leaves out those whom the server named as unknown: an SOS goes to whoever is left. Resolves to whether anybody is, and
 * it is worth another try.
 */
export async function leaveOut(tx: Tx, n: number, fields: string[]): Promise<boolean> {
  const act = await tx.get("outbox", n);
  if (act?.kind !== "chat" || !act.isSos) return false;
  const named = (field: string, index: number) => fields.some((other) => other.startsWith(`${field}[${index}]`));
  const toUserIds = act.toUserIds.filter((_, index) => !named("toUserIds", index));
  const toGroups = (act.toGroups ?? []).filter((_, index) => !named("toGroups", index));
  const went = act.toUserIds.length + (act.toGroups?.length ?? 0) - toUserIds.length - toGroups.length;
  if (went === 0 || toUserIds.length + toGroups.length === 0) return false;
  await tx.put("outbox", { ...act, toUserIds, toGroups });
  return true;
}

/** What waits, in the order in which it goes out: an SOS before all else. */
export function inOrder(acts: Act[]): Act[] {
  const urgency = (act: Act) => ("isSos" in act ? 0 : 1);
  return [...acts].sort((a, b) => urgency(a) - urgency(b) || a.n - b.n);
}
