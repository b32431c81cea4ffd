// Several tabs of one person on one device: one of them speaks with the server, and all tell each other what changed.
// Where the browser has no locks (a page without TLS), each tab speaks for itself: the store takes each event once, and
// each act has its key.

import type { Message } from "./core/model.ts";
import type { Contact } from "./core/sync.ts";
import type { WatchedMessage } from "./core/watched.ts";

export type Word =
  | { changed: string[] | "all" }
  | { contact: Contact }
  | { arrived: Message[] }
  | { poke: true }
  | { wake: true }
  | { asked: true }
  | { pushed: true }
  /** Of a desk: messages of others that were stored, whose logs are followed, and a desk that is looked at and does not follow. */
  | { watched: WatchedMessage[] }
  | { followed: [participantId: string, isLive: boolean][] }
  | { deskSeen: true }
  | { left: true };

export class Tabs {
  private readonly channel = new BroadcastChannel("crewline");

  /** Calls `heard` for what other tabs say; the function that it returns ends that. */
  listen(heard: (word: Word) => void): () => void {
    const hear = (event: MessageEvent<Word>) => heard(event.data);
    this.channel.addEventListener("message", hear);
    return () => this.channel.removeEventListener("message", hear);
  }

  say(word: Word): void {
    this.channel.postMessage(word);
  }

  /**
   * Calls `lead` when this tab is the one that does what goes by this name, which may be at once or when another one is
   * closed. The function that it returns gives that up.
   */
  lead(name: string, lead: () => void): () => void {
    if (navigator.locks === undefined) {
      lead();
      return () => {};
    }
    const asking = new AbortController();
    let end = () => asking.abort();
    const held = () =>
      new Promise<void>((resolve) => {
        end = resolve;
        lead();
      });
    // It is refused where it was given up before.
    navigator.locks.request(name, { signal: asking.signal }, held).catch(() => {});
    return () => end();
  }
}
