// The system's notifications, the badge and push, as the browser gives them to a page and to the service worker alike.

import type { Notice, NoticeData, Shown, Standing } from "./core/notices.ts";
import type { Pusher, Subscription } from "./core/subscription.ts";
import { base64Url } from "./core/subscription.ts";

/** What the page says to the service worker. `again` are those of which the person was reminded. */
export type ToWorker = { arrived: string[]; again: string[] };
/** What the service worker says to a page. */
export type ToPage = { go: string };

/** Vibration of an emergency, as long as a browser lets a notification shake. */
const SHAKES = [500, 150, 500, 150, 500];

export function shownBy(registration: ServiceWorkerRegistration, isStill: () => Promise<boolean>): Shown {
  return {
    async standing(): Promise<Standing[]> {
      const standing = await registration.getNotifications();
      return standing.map((notification) => ({
        tag: notification.tag,
        data: (notification.data ?? undefined) as NoticeData | undefined,
        close: () => notification.close(),
      }));
    },
    async show(notice: Notice): Promise<void> {
      if (Notification.permission !== "granted") return;
      const shakes = notice.shakes && !notice.silent && !(await isStill());
      // Not in the types of every browser; who does not know one of them passes over it.
      const options = {
        body: notice.body,
        tag: notice.tag,
        data: notice.data,
        requireInteraction: notice.stays,
        renotify: notice.renews && notice.tag !== "",
        silent: notice.silent,
        ...(shakes ? { vibrate: SHAKES } : {}),
      };
      await registration.showNotification(notice.title, options);
    },
  };
}

/** The number on the app's picture, where there is one: nothing, where there is nothing to tell. */
export function setBadge(count: number): void {
  const badge = navigator as { setAppBadge?(count: number): Promise<void>; clearAppBadge?(): Promise<void> };
  const done = count > 0 ? badge.setAppBadge?.(count) : badge.clearAppBadge?.();
  done?.catch(() => {
    // One more way to tell, and never the only one.
  });
}

function told(subscription: PushSubscription): Subscription {
  const { endpoint, keys } = subscription.toJSON();
  const key = subscription.options?.applicationServerKey;
  return {
    body: { endpoint: endpoint ?? "", keys: { p256dh: keys?.p256dh ?? "", auth: keys?.auth ?? "" } },
    key: key ? base64Url(key) : undefined,
  };
}

export function pusherOf(registration: ServiceWorkerRegistration): Pusher | undefined {
  const manager = registration.pushManager as PushManager | undefined;
  if (manager === undefined) return undefined;
  return {
    isAllowed: () => Notification.permission === "granted",
    async current() {
      const subscription = await manager.getSubscription();
      return subscription === null ? undefined : told(subscription);
    },
    async subscribe(key) {
      return told(await manager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
    },
    async unsubscribe() {
      await (await manager.getSubscription())?.unsubscribe();
    },
  };
}
