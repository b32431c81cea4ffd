// A push that came: fetch the message it names, store it, say that it was delivered, and show it; in this order, so that
// nothing is said to be delivered that is not on this device. It knows no browser.

import { HttpLine } from "./httpline.ts";
import type { Local } from "./local.ts";
import type { Message } from "./model.ts";
import type { Clock, Net } from "./net.ts";
import type { Notice, NoticeWords, Shown } from "./notices.ts";
import { closeOver, isOver, isSaidBy, mannerOf, noticeOf, tagOf } from "./notices.ts";
import { drain } from "./outbox.ts";
import { pathOf } from "./route.ts";
import type { MessageView, Priority } from "./wire.ts";

/** How long a message may take to be fetched before an alert without its text is shown. */
const FETCH_MS = 5_000;

/** What is in a push: never a text or a name of anybody. */
export type Push =
  | { kind: "message"; title: string; body: string; messageId: string; chatId: string; priority: Priority }
  | { kind: "test"; title: string; body: string; nonce: string }
  | { kind: "unknown"; title: string; body: string };

export interface PushWorld {
  local: Local;
  net: Net;
  clock: Clock;
  shown: Shown;
  words: NoticeWords;
  /** Whether a page of the app is on the screen: it shows an alert of its own. */
  isSeen(): Promise<boolean>;
  /** Runs what looks at what stands and shows, one after the other: nothing else is waited for in it. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** The chats of which the pages that are open have to hear. */
  changed(chats: string[]): void;
  /** A test push was answered. */
  proven(): void;
}

/** Reads a push. What is not understood still shows something: a browser wants each push to be seen. */
export function readPush(text: string): Push {
  let said: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) said = parsed as Record<string, unknown>;
  } catch {
    // Not ours.
  }
  const shown = (said.notification ?? {}) as Record<string, unknown>;
  const title = typeof shown.title === "string" ? shown.title : "Crewline";
  const body = typeof shown.body === "string" ? shown.body : "";
  const { messageId, chatId, priority, test } = said;
  if (typeof test === "string") return { kind: "test", title, body, nonce: test };
  if (typeof messageId === "string" && typeof chatId === "string")
    return {
      kind: "message",
      title,
      body,
      messageId,
      chatId,
      priority: priority === 1 || priority === 3 ? priority : 2,
    };
  return { kind: "unknown", title, body };
}

/** Does what a push is for. Resolves when everything was tried. */
export async function takePush(world: PushWorld, push: Push): Promise<void> {
  if (push.kind === "message") await takeMessage(world, push);
  else if (push.kind === "test") await takeTest(world, push);
  else await world.shown.show(plain(push, "", { path: pathOf({ screen: "chats" }) }));
  await world.alone(() => closeOver(world.local, world.shown));
}

async function takeTest({ net, shown, proven }: PushWorld, push: Push & { kind: "test" }): Promise<void> {
  await shown.show(plain(push, "test", { path: pathOf({ screen: "setup" }) }));
  try {
    await net.call("POST", "/api/v1/push/proof", { test: push.nonce });
    proven();
  } catch {
    // It is not proven, then: who waits for it sees that.
  }
}

async function takeMessage(world: PushWorld, push: Push & { kind: "message" }): Promise<void> {
  const { clock } = world;
  const stored = store(world, push.messageId);
  let cancel = () => {};
  const late = new Promise<"late">((resolve) => {
    cancel = clock.after(FETCH_MS, () => resolve("late"));
  });
  const first = await Promise.race([stored, late]);
  cancel();
  const isLate = first === "late";
  // An emergency does not wait for a slow line; its text comes into its place.
  if (isLate) await world.alone(() => tell(world, push, undefined, false));
  const message = await stored;
  if (!isLate || message !== undefined) await world.alone(() => tell(world, push, message, isLate));
  if (message !== undefined) {
    world.changed([push.chatId]);
    // Not before it is shown: what waits may be much.
    await drain(world.local, new HttpLine(world.net)).catch(() => {});
  }
}

/** The message, once it is on this device; nothing where it could not be had. */
async function store({ local, net }: PushWorld, messageId: string): Promise<Message | undefined> {
  try {
    if ((await local.me()) === undefined) return undefined;
    const view = await net.call<MessageView>("GET", `/api/v1/messages/${encodeURIComponent(messageId)}`);
    await local.takePushed(view);
  } catch {
    // A page may have stored it meanwhile.
  }
  return local.message(messageId).catch(() => undefined);
}

async function tell(
  { local, shown, words, isSeen }: PushWorld,
  push: Push & { kind: "message" },
  message: Message | undefined,
  isAgain: boolean,
): Promise<void> {
  if (await isSeen()) return;
  const notice = message === undefined ? generic(push) : noticeOf(message, (await local.me())?.userId ?? "", words);
  const standing = await shown.standing();
  if (isAgain) return shown.show({ ...notice, renews: false, silent: true });
  if (isSaidBy(standing, notice)) return;
  // What was read meanwhile alerts nobody, but a browser wants to see each push: it is taken away at once.
  if (message !== undefined && isOver(message))
    return shown.show({ ...notice, renews: false, silent: true, shakes: false });
  await shown.show(notice);
}

function generic(push: Push & { kind: "message" }): Notice {
  const { title, body, messageId, chatId, priority } = push;
  const tag = tagOf({ messageId, chatId, priority });
  return {
    title,
    body,
    tag,
    ...mannerOf(priority),
    data: { path: pathOf({ screen: "chat", chatId }), messageId, priority },
  };
}

function plain(push: { title: string; body: string }, tag: string, data: { path: string }): Notice {
  return {
    title: push.title,
    body: push.body,
    tag,
    stays: false,
    renews: tag !== "",
    silent: false,
    shakes: false,
    data,
  };
}
