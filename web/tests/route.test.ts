// Addresses: they lead where they were made for, and one that is broken leads to the chats.

import { expect, test } from "vitest";
import { isAppPage, pathOf, type Route, routeOf, unescaped } from "../src/core/route.ts";

const at = (address: string) => {
  const { pathname, hash } = new URL(address, "http://crewline");
  return routeOf(pathname, hash);
};

test("the address of each screen leads back to it, and is one of the app's", () => {
  const routes: Route[] = [
    { screen: "chats" },
    { screen: "new" },
    { screen: "setup" },
    { screen: "sos" },
    { screen: "admin", path: "/admin/users/ann%2Fb" },
    { screen: "chat", chatId: "c1xhzsyjke" },
    { screen: "chat", chatId: "new-ä/%", at: 12 },
  ];
  for (const route of routes) {
    expect(at(pathOf(route))).toEqual(route);
    expect(isAppPage(new URL(pathOf(route), "http://crewline").pathname)).toBe(true);
  }
});

test("an address that nobody can read leads to the chats, and the app starts", () => {
  expect(at("/chats/%E0%A4%A")).toEqual({ screen: "chats" });
  expect(at("/chats/c1/more")).toEqual({ screen: "chats" });
  expect(at("/#nothing")).toEqual({ screen: "chats" });
  expect([unescaped("ann%2Fb"), unescaped("%E0")]).toEqual(["ann/b", undefined]);
});

test("the server's other pages are not the app's", () => {
  for (const path of ["/api/docs", "/administer", "/chats", "/chats/c1/more"]) expect(isAppPage(path)).toBe(false);
});
