// The logs of those who are watched, followed by one tab of this browser for all of them: a lock of the browser says by
// which, and what it stores is told to the others. The one that follows should be one that is looked at, since browsers let
// hidden pages do little: a hidden one gives way to one that is seen and asks.

import type { App } from "../app.svelte.ts";
import { clock, net, random } from "../browser.ts";
import { Follower } from "../core/follow.ts";
import type { WatchedMessage } from "../core/watched.ts";

export class Following {
  /** Those who are watched, and whether their logs are followed now, by whichever tab. */
  followed = $state.raw<Map<string, boolean>>(new Map());
  /** Whether it is this tab that follows. */
  leads = $state(false);

  private readonly app: App;
  /** Messages that were stored just now. */
  private readonly arrived: (messages: WatchedMessage[]) => void;
  private readonly followers = new Map<string, Follower>();
  private watches: string[] = [];
  private isRunning = true;
  private giveUp: () => void = () => {};
  private readonly ends: (() => void)[] = [];

  constructor(app: App, arrived: (messages: WatchedMessage[]) => void) {
    this.app = app;
    this.arrived = arrived;
    this.ends.push(
      app.tabs.listen((word) => {
        if ("watched" in word) this.arrived(word.watched);
        else if ("followed" in word) this.hear(new Map(word.followed));
        else if ("deskSeen" in word && this.leads && !app.isVisible) this.yield();
      }),
    );
    const seen = () => this.ask();
    document.addEventListener("visibilitychange", seen);
    this.ends.push(() => document.removeEventListener("visibilitychange", seen));
    this.queue();
    this.ask();
  }

  close(): void {
    this.isRunning = false;
    for (const end of this.ends) end();
    this.stop();
    this.giveUp();
  }

  /** Who is watched from now on. */
  watch(watches: string[]): void {
    this.watches = watches;
    if (this.leads) this.follow();
  }

  /** There is contact again. */
  wake(): void {
    for (const follower of this.followers.values()) follower.wake();
  }

  private queue(): void {
    this.giveUp = this.app.tabs.lead("crewline-desk", () => {
      if (!this.isRunning) return;
      this.leads = true;
      this.tell();
      this.follow();
    });
  }

  /** Leaves it to the next one that waits for it; where nobody does, it is this one again. */
  private yield(): void {
    this.stop();
    this.giveUp();
    this.queue();
  }

  private stop(): void {
    this.leads = false;
    for (const follower of this.followers.values()) follower.stop();
    this.followers.clear();
  }

  /** Another tab follows: where nobody looks at that one and somebody at this, it should be this one. */
  private hear(followed: Map<string, boolean>): void {
    this.followed = followed;
    this.ask();
  }

  private ask(): void {
    if (!this.leads && document.visibilityState === "visible") this.app.tabs.say({ deskSeen: true });
  }

  private tell(): void {
    this.app.tabs.say({ followed: [...this.followed] });
  }

  private set(id: string, isLive: boolean): void {
    this.followed = new Map(this.followed).set(id, isLive);
    this.tell();
  }

  private follow(): void {
    for (const [id, follower] of this.followers) {
      if (this.watches.includes(id)) continue;
      follower.stop();
      this.followers.delete(id);
    }
    this.followed = new Map([...this.followed].filter(([id]) => this.watches.includes(id)));
    for (const id of this.watches) {
      if (this.followers.has(id)) continue;
      const follower = new Follower(id, this.app.local.watched, net, clock, random, {
        changed: (messages) => {
          this.arrived(messages);
          if (messages.length > 0) this.app.tabs.say({ watched: messages });
        },
        live: (isLive) => this.set(id, isLive),
      });
      this.followers.set(id, follower);
      follower.start();
    }
  }
}
