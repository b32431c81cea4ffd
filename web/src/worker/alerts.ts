// What the service worker does about alerts: pushes, what a hidden page has stored, presses on notifications.

import { clock, net } from "../browser.ts";
import { Local } from "../core/local.ts";
import { closeOver, type NoticeData, showAll } from "../core/notices.ts";
import { clientFor } from "../core/opening.ts";
import { type PushWorld, readPush, takePush } from "../core/push.ts";
import { isAppPage } from "../core/route.ts";
import { keepInStep } from "../core/subscription.ts";
import { messagesOf } from "../messages/choose.ts";
import { pusherOf, setBadge, shownBy, type ToPage, type ToWorker } from "../system.ts";
import type { Word } from "../tabs.ts";
import type { WindowClient, Worker } from "./world.ts";

export class Alerts {
  private readonly worker: Worker;
  /** One after the other: what stands is looked at before anything is shown. */
  private chain: Promise<unknown> = Promise.resolve();

  constructor(worker: Worker) {
    this.worker = worker;
  }

  pushed(text: string): Promise<void> {
    return this.run((world) => takePush(world, readPush(text)));
  }

  heard(word: ToWorker): Promise<void> {
    return this.run(({ local, shown, words, isSeen, alone }) =>
      alone(async () => {
        if (!(await isSeen())) await showAll(local, shown, words, word.arrived, word.again);
        await closeOver(local, shown);
      }),
    );
  }

  /** Brings the app to where the notification leads: a page that is open, else a new one. */
  async opened(data: NoticeData | undefined): Promise<void> {
    const path = data?.path ?? "/";
    const client = clientFor(await this.pages(), path);
    if (client === undefined) return void (await this.worker.clients.openWindow(path));
    client.postMessage({ go: path } satisfies ToPage);
    // A browser may refuse to bring it to the front; the page is at the right place then.
    await client.focus().catch(() => {});
  }

  /** The browser has given another address to push to, or none any more. */
  async changed(): Promise<void> {
    const pusher = pusherOf(this.worker.registration);
    if (pusher === undefined) return;
    await this.run(async ({ local }) => {
      const { push } = await local.deviceNote();
      await keepInStep(net, pusher, push === true && (await local.me()) !== undefined).catch(() => {
        // The next start of the app puts it right.
      });
    });
  }

  private async pages(): Promise<WindowClient[]> {
    const pages = await this.worker.clients.matchAll({ type: "window", includeUncontrolled: true });
    return pages.filter(({ url }) => isAppPage(new URL(url).pathname));
  }

  private alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.chain.then(work);
    this.chain = done.catch(() => {});
    return done;
  }

  private async run(work: (world: PushWorld) => Promise<void>): Promise<void> {
    // Opened for this piece of work alone: an open store would hold up whoever wants to change its form.
    const local = await Local.open("crewline", indexedDB);
    const channel = new BroadcastChannel("crewline");
    const say = (word: Word) => channel.postMessage(word);
    const { registration } = this.worker;
    try {
      await work({
        local,
        net,
        clock,
        shown: shownBy(registration, async () => (await local.deviceNote()).still === true),
        words: { title: messagesOf((await local.deviceNote()).language).t.alert.title },
        isSeen: async () => (await this.pages()).some(({ visibilityState }) => visibilityState === "visible"),
        alone: (piece) => this.alone(piece),
        changed: (chats) => {
          say({ changed: chats });
          void local.standing().then(setBadge, () => {});
        },
        proven: () => say({ pushed: true }),
      });
      setBadge(await local.standing());
    } finally {
      channel.close();
      local.close();
    }
  }
}
