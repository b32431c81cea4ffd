// The service worker: keeps the files of the app, so that it opens without contact, and alerts while no page of it is on
// the screen. What it keeps of anybody's messages is what the app keeps, in the same store.

import type { ToWorker } from "./system.ts";
import { Alerts } from "./worker/alerts.ts";
import { activate, fetched, install } from "./worker/shell.ts";
import type { FetchEvent, MessageFromPage, NotificationEvent, PushEvent, Worker, WorkerEvent } from "./worker/world.ts";

const worker = self as unknown as Worker;
const alerts = new Alerts(worker);

worker.addEventListener("install", (event: WorkerEvent) => event.waitUntil(install(worker)));
worker.addEventListener("activate", (event: WorkerEvent) => event.waitUntil(activate(worker)));
worker.addEventListener("fetch", (event: FetchEvent) => fetched(event));
worker.addEventListener("push", (event: PushEvent) => event.waitUntil(alerts.pushed(event.data?.text() ?? "")));
worker.addEventListener("message", (event: MessageFromPage) => event.waitUntil(alerts.heard(event.data as ToWorker)));
worker.addEventListener("pushsubscriptionchange", (event: WorkerEvent) => event.waitUntil(alerts.changed()));
worker.addEventListener("notificationclick", (event: NotificationEvent) => {
  event.notification.close();
  event.waitUntil(alerts.opened(event.notification.data ?? undefined));
});
