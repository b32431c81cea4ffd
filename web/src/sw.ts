// The service worker: keeps the files of the app, so that it opens without contact. It keeps nothing of anybody's messages.

declare const __SHELL__: string[];

interface WorkerEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends WorkerEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
const worker = self as unknown as {
  addEventListener(kind: string, heard: (event: never) => void): void;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
};

// The names of the files change with what is in them, and with them this worker and the name of its cache.
const shell: string[] = __SHELL__;
const name = `crewline ${shell.join(" ")}`;

async function install(): Promise<void> {
  const cache = await caches.open(name);
  await cache.addAll(shell.map((path) => new Request(path, { cache: "no-cache" })));
  await worker.skipWaiting();
}

async function activate(): Promise<void> {
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

worker.addEventListener("install", (event: WorkerEvent) => event.waitUntil(install()));
worker.addEventListener("activate", (event: WorkerEvent) => event.waitUntil(activate()));
worker.addEventListener("fetch", (event: FetchEvent) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  const isPage = request.mode === "navigate" && (pathname === "/" || /^\/chats\/[^/]+$/.test(pathname));
  if (isPage) event.respondWith(answer(request, "/"));
  else if (shell.includes(pathname)) event.respondWith(answer(request, pathname));
});

export {};
