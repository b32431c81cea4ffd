// Several tabs of one person on one device: one of them speaks with the server, and all tell each other what changed.
// Where the browser has no locks (a page without TLS), each tab speaks for itself: the store takes each event once, and
// each act has its key.

import type { Message } from "./core/model.ts";
import type { Contact } from "./core/sync.ts";

export type Word =
  | { changed: string[] | "all" }
  | { contact: Contact }
  | { arrived: Message[] }
  | { poke: true }
  | { wake: true }
  | { asked: true }
  | { pushed: true }
  | { left: true };

export class Tabs {
  private readonly channel = new BroadcastChannel("crewline");

  constructor(heard: (word: Word) => void) {
    this.channel.onmessage = (event: MessageEvent<Word>) => heard(event.data);
  }

  say(word: Word): void {
    this.channel.postMessage(word);
  }

  /** Calls `lead` when this tab is the one that speaks, which may be at once or when another one is closed. */
  lead(lead: () => void): void {
    if (navigator.locks === undefined) return lead();
    void navigator.locks.request("crewline-sync", () => {
      lead();
      return new Promise<void>(() => {});
    });
  }
}
