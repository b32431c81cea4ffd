// A screen in which the time is taken: from what a person does to what was painted.

import type { CDPSession } from "playwright-core";
import { type Look, Screen } from "../e2e/screen.ts";
import type { Bench, Frames } from "./page.ts";
import { install } from "./page.ts";

type Seen = { bench: Bench };

export class View {
  readonly screen: Screen;
  readonly cdp: CDPSession;

  private constructor(screen: Screen, cdp: CDPSession) {
    this.screen = screen;
    this.cdp = cdp;
  }

  static async open(url: string, look: Look = {}): Promise<View> {
    const screen = await Screen.open({ url }, look);
    screen.context.setDefaultTimeout(60_000);
    await screen.page.addInitScript(install);
    const cdp = await screen.context.newCDPSession(screen.page);
    await cdp.send("Performance.enable");
    return new View(screen, cdp);
  }

  /** From the click until a text stands in the log, or a chat in the list. */
  async clickUntilText(click: () => Promise<void>, text: string): Promise<number> {
    const painted = this.screen.page.evaluate(
      async ([box, text]) => {
        const { bench } = window as unknown as Seen;
        const at = await bench.painted(() => bench.isTextSeen(box, text));
        return at - bench.clicked;
      },
      ["[role=log]", text] as const,
    );
    const [at] = await Promise.all([painted, click()]);
    return at;
  }

  async clickUntilList(click: () => Promise<void>): Promise<number> {
    const painted = this.screen.page.evaluate(async () => {
      const { bench } = window as unknown as Seen;
      const at = await bench.painted(() => document.querySelector(".chats li") !== null);
      return at - bench.clicked;
    });
    const [at] = await Promise.all([painted, click()]);
    return at;
  }

  /** Until the service worker has the app: to clear it away before would break it off. */
  async installed(): Promise<void> {
    await this.screen.page.evaluate(async () => void (await navigator.serviceWorker.ready));
  }

  /** From the beginning of the page until its list of chats, or the screen to sign in, was painted. */
  sinceBegin(what: "listPainted" | "signInPainted"): Promise<number> {
    return this.screen.page.evaluate((what) => (window as unknown as Seen).bench[what], what);
  }

  /** What the frames were while something happened, and what part of the time the page was busy, waiting for a core included. */
  async frames(rows: string, work: () => Promise<void>): Promise<Frames & { busy: number }> {
    await this.screen.page.evaluate((rows) => (window as unknown as Seen).bench.startFrames(rows), rows);
    const { busy } = await this.used(work);
    return { ...(await this.screen.page.evaluate(() => (window as unknown as Seen).bench.stopFrames())), busy };
  }

  /**
   * What part of the time the page was busy while something happened, waiting for a core included, and what part of a core it
   * used. Beside `frames` that counts the meter too, which asks for each frame, also for those in which nothing changes.
   */
  async used(work: () => Promise<void>): Promise<{ busy: number; core: number }> {
    const before = await this.spent();
    const begun = performance.now();
    await work();
    const after = await this.spent();
    const seconds = (performance.now() - begun) / 1000;
    return { busy: (after.busy - before.busy) / seconds, core: (after.core - before.core) / seconds };
  }

  /** In seconds. */
  private async spent(): Promise<{ busy: number; core: number }> {
    const { metrics } = await this.cdp.send("Performance.getMetrics");
    const of = (wanted: string) => metrics.find(({ name }) => name === wanted)?.value ?? Number.NaN;
    return { busy: of("TaskDuration"), core: of("ThreadTime") };
  }

  /** Turns a wheel over the middle of the screen: down where `step` is positive. */
  async wheel(seconds: number, step: number): Promise<void> {
    const { page } = this.screen;
    await page.mouse.move(195, 400);
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) await page.mouse.wheel(0, step);
  }

  /** Throws what is shown with a finger, again and again: to what is above where `distance` is positive. */
  async fling(seconds: number, distance: number): Promise<void> {
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end)
      await this.cdp.send("Input.synthesizeScrollGesture", {
        x: 195,
        y: distance > 0 ? 250 : 600,
        yDistance: distance,
        speed: 6_000,
        preventFling: false,
        gestureSourceType: "touch",
      });
  }

  close(): Promise<void> {
    return this.screen.close();
  }
}
