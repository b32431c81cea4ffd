// The files of the app, kept so that it opens without contact. Nothing of anybody's messages is among them.

import { isAppPage } from "../core/route.ts";
import type { FetchEvent, Worker } from "./world.ts";

declare const __SHELL__: string[];

// The names of the files change with what is in them, and with them this worker and the name of its cache.
const shell: string[] = __SHELL__;
const name = `crewline ${shell.join(" ")}`;

export async function install(worker: Worker): Promise<void> {
  const cache = await caches.open(name);
  await cache.addAll(shell.map((path) => new Request(path, { cache: "no-cache" })));
  await worker.skipWaiting();
}

export async function activate(worker: Worker): Promise<void> {
  for (const other of await caches.keys()) {
    if (other.startsWith("crewline ") && other !== name) await caches.delete(other);
  }
  await worker.clients.claim();
}

/** The page and its files from the cache; what is not there, from the server. */
async function answer(request: Request, path: string): Promise<Response> {
  const cache = await caches.open(name);
  return (await cache.match(path)) ?? fetch(request);
}

export function fetched(event: FetchEvent): void {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  const isPage = request.mode === "navigate" && isAppPage(pathname);
  if (isPage) event.respondWith(answer(request, "/"));
  else if (shell.includes(pathname)) event.respondWith(answer(request, pathname));
}
