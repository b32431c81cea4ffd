// The addresses of the app: which screen each leads to, and which of the server's pages are the app's. Pure.

/** `at` is the position of the message that it is opened at. `began` is the id that an open conversation had before the server named its chat: it is the same conversation. */
export type Route =
  | { screen: "chats" }
  | { screen: "new" }
  | { screen: "setup" }
  | { screen: "sos" }
  | { screen: "admin"; path: string }
  | { screen: "chat"; chatId: string; began?: string; at?: number };

const CHAT = /^\/chats\/([^/]+)$/;
const ADMIN = /^\/admin(\/|$)/;

/** Whether an address is one of the app's: the server has other pages too. */
export function isAppPage(path: string): boolean {
  return path === "/" || CHAT.test(path) || ADMIN.test(path);
}

/** Where an address leads; one that leads nowhere is that of the chats. */
export function routeOf(path: string, hash: string): Route {
  const chatId = unescaped(CHAT.exec(path)?.[1]);
  if (chatId !== undefined) {
    const at = /^#at=(\d+)$/.exec(hash)?.[1];
    return { screen: "chat", chatId, ...(at === undefined ? {} : { at: Number(at) }) };
  }
  if (ADMIN.test(path)) return { screen: "admin", path };
  const screen = (["new", "setup", "sos"] as const).find((name) => hash === `#${name}`);
  return { screen: screen ?? "chats" };
}

/** The address of a screen. */
export function pathOf(route: Route): string {
  if (route.screen === "chat")
    return `/chats/${encodeURIComponent(route.chatId)}${route.at === undefined ? "" : `#at=${route.at}`}`;
  if (route.screen === "admin") return route.path;
  return route.screen === "chats" ? "/" : `/#${route.screen}`;
}

/** What a part of an address says; nothing, where its escapes are none. */
export function unescaped(escaped: string | undefined): string | undefined {
  try {
    return escaped === undefined ? undefined : decodeURIComponent(escaped);
  } catch {
    return undefined;
  }
}
