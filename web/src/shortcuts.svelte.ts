// The keyboard's shortcuts: what each of them does to the app. They can be switched off, for who speaks to the device.

import type { App } from "./app.svelte.ts";
import { neighbour, shortcutOf } from "./core/keys.ts";
import { END } from "./core/local.ts";
import { keep } from "./look.ts";

const KEPT = "crewline.shortcuts";
/** How far back a message to reply to is looked for. */
const BACK = 50;

export class Shortcuts {
  isOn = $state(localStorage.getItem(KEPT) !== "off");
  isHelpShown = $state(false);
  private readonly app: App;

  constructor(app: App) {
    this.app = app;
  }

  setOn(isOn: boolean): void {
    this.isOn = isOn;
    keep(KEPT, isOn ? "" : "off");
  }

  heard(event: KeyboardEvent): void {
    // A dialog has keys of its own, and what stands behind it is not to be done.
    if (!this.isOn || event.defaultPrevented || this.app.stage !== "signedIn" || isDialogOpen()) return;
    const { app } = this;
    const found = shortcutOf(event, isTyping(event.target));
    if (found === undefined) return;
    if (found === "help") this.isHelpShown = true;
    else if (found === "new") app.go({ screen: "new" });
    else if (found === "search") this.search();
    else if (found === "reply") void this.reply();
    else if (found === "back") {
      if (app.route.screen === "chats") return;
      app.go({ screen: "chats" });
    } else this.walk(found === "next" ? 1 : -1);
    event.preventDefault();
  }

  private search(): void {
    const field = () => document.getElementById("search-field");
    if (field() === null) this.app.go({ screen: "chats" });
    // After the screen is there, and has said where the focus arrives.
    setTimeout(() => field()?.focus());
  }

  /** To the next chat, or the one before, or what a desk has instead; an emergency that was set aside comes first. */
  private walk(step: 1 | -1): void {
    const { app } = this;
    if (app.isAside) return app.endAside();
    if (app.walking?.(step)) return;
    const { route } = app;
    const at = route.screen === "chat" ? app.chats.findIndex(({ chatId }) => chatId === route.chatId) : -1;
    const next = neighbour(app.chats, at, step);
    if (next !== undefined) app.go({ screen: "chat", chatId: next.chatId });
  }

  /** Begins a reply to the newest message of somebody else in the conversation that is open. */
  private async reply(): Promise<void> {
    const { app } = this;
    const { route } = app;
    if (route.screen !== "chat") return;
    const messages = await app.local.messages(route.chatId, 1, END, BACK);
    const newest = messages.findLast(({ mine }) => !mine);
    if (newest !== undefined && app.route === route) app.replyTo = newest;
  }
}

const isDialogOpen = () => document.querySelector("dialog[open]") !== null;

/** Whether what is pressed goes into a field. */
function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button"].includes(target.type);
  return target.isContentEditable || target.matches("textarea, select");
}
