// Push without a push service: the service worker is given pushes through Chrome's DevTools protocol, a page's subscription
// is made up, and the server's half is answered by the test.

import type { BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";
import type { Screen } from "./screen.ts";
import type { Server } from "./server.ts";

export interface Standing {
  title: string;
  body: string;
  tag: string;
  stays: boolean;
  renews: boolean;
}

/** Allows notifications, and gives pushes to the service worker of a screen's browser. */
export class Pushes {
  private readonly server: Server;
  private readonly page: Page;
  /** Gives a push to the service worker, as a browser does with what it has decrypted. */
  readonly deliver: (data: string) => Promise<void>;

  private constructor(server: Server, page: Page, deliver: (data: string) => Promise<void>) {
    this.server = server;
    this.page = page;
    this.deliver = deliver;
  }

  static async of(screen: Screen, server: Server): Promise<Pushes> {
    const { context, page } = screen;
    await context.grantPermissions(["notifications"], { origin: server.url });
    const cdp = await context.newCDPSession(page);
    const registered = new Promise<string>((resolve) => {
      cdp.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
        const found = registrations.find(({ scopeURL }) => scopeURL.startsWith(server.url));
        if (found !== undefined) resolve(found.registrationId);
      });
    });
    await cdp.send("ServiceWorker.enable");
    return new Pushes(server, page, async (data) => {
      const registrationId = await registered;
      await cdp.send("ServiceWorker.deliverPushMessage", { origin: server.url, registrationId, data });
    });
  }

  /** What the server would push for a message. */
  message({ messageId, chatId }: { messageId: string; chatId: string }, priority: 1 | 2 | 3): Promise<void> {
    const body = priority === 1 ? "EMERGENCY" : priority === 3 ? "Important message" : "New message";
    const tag = priority === 1 ? messageId : chatId;
    const notification = { title: "Crewline", body, navigate: `${this.server.url}/chats/${chatId}`, tag };
    return this.deliver(JSON.stringify({ web_push: 8030, notification, messageId, chatId, priority }));
  }

  test(nonce: string): Promise<void> {
    const navigate = `${this.server.url}/#setup`;
    const notification = { title: "Crewline", body: "This device can be woken", navigate, tag: "test" };
    return this.deliver(JSON.stringify({ web_push: 8030, notification, test: nonce }));
  }

  /** What stands outside of the page; asked of the browser by a page of the app. */
  standing(page = this.page): Promise<Standing[]> {
    return page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration();
      const standing = (await registration?.getNotifications()) ?? [];
      return standing.map((notification) => ({
        title: notification.title,
        body: notification.body,
        tag: notification.tag,
        stays: notification.requireInteraction,
        renews: (notification as unknown as { renotify: boolean }).renotify,
      }));
    });
  }

  async shows(wanted: Partial<Standing>[], page = this.page): Promise<void> {
    const sorted = (list: Partial<Standing>[]) => [...list].sort((a, b) => ((a.body ?? "") < (b.body ?? "") ? -1 : 1));
    await expect.poll(async () => sorted(await this.standing(page))).toMatchObject(sorted(wanted));
  }
}

/** The server's half of push, as a test wants it. */
export class PushServer {
  publicKey: string | null = "BPusherKey";
  subscription: { endpointHost: string; createdAt: string; provenAt?: string; lastError?: string } | null = null;
  readonly asked: string[] = [];
  /** When a proof comes, by the server's clock. */
  now = () => new Date().toISOString();
  onTest: () => Promise<void> = async () => {};

  async answer(context: BrowserContext): Promise<void> {
    await context.route(/\/api\/v1\/push(\/|$)/, async (route) => {
      const request = route.request();
      const call = `${request.method()} ${new URL(request.url()).pathname.replace("/api/v1/push", "")}`.trim();
      this.asked.push(call);
      switch (call) {
        case "PUT /subscription": {
          const { endpoint } = request.postDataJSON() as { endpoint: string };
          const endpointHost = new URL(endpoint).host;
          if (this.subscription?.endpointHost !== endpointHost)
            this.subscription = { endpointHost, createdAt: new Date().toISOString() };
          return route.fulfill({ json: this.subscription });
        }
        case "DELETE /subscription":
          this.subscription = null;
          return route.fulfill({ status: 204 });
        case "POST /test":
          await route.fulfill({ status: 202, json: { test: "nonce-1" } });
          return this.onTest();
        case "POST /proof":
          if (this.subscription !== null) this.subscription.provenAt = this.now();
          return route.fulfill({ status: 204 });
        default:
          return route.fulfill({ json: { publicKey: this.publicKey, subscription: this.subscription } });
      }
    });
  }
}

/** A browser that can be subscribed without a push service. What it did is kept, as a browser keeps it. */
export async function subscribable(
  context: BrowserContext,
  subscription = { endpoint: "https://push.example/1", keys: { p256dh: "BKey", auth: "secret" } },
): Promise<void> {
  await context.addInitScript((said) => {
    if (!("PushManager" in window)) return;
    const made = {
      options: { applicationServerKey: null },
      toJSON: () => said,
      unsubscribe: async () => {
        localStorage.removeItem("test.subscribed");
        return true;
      },
    } as unknown as PushSubscription;
    PushManager.prototype.subscribe = async () => {
      localStorage.setItem("test.subscribed", "yes");
      return made;
    };
    PushManager.prototype.getSubscription = async () => (localStorage.getItem("test.subscribed") ? made : null);
  }, subscription);
}
