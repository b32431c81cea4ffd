// By the keyboard alone: whatever goes away under the focus, the focus is never lost to the page.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Keys } from "./keys.ts";
import { DESK, Screen } from "./screen.ts";
import { PASSWORD, Server } from "./server.ts";

let server: Server;
const screens: Screen[] = [];

beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.remove());
afterEach(async () => {
  const faults = screens.flatMap((screen) => screen.faults);
  for (const screen of screens.splice(0)) await screen.close();
  expect(faults).toEqual([]);
});

async function signedIn(userId: string): Promise<Keys> {
  const screen = await Screen.open(server, { size: DESK });
  screens.push(screen);
  await screen.signIn(userId);
  return new Keys(screen);
}

test("signing in leads to the chats, a new chat to its conversation, and going back to the chats", async () => {
  const screen = await Screen.open(server, { size: { width: 600, height: 800 } });
  screens.push(screen);
  const keys = new Keys(screen);
  const { page } = screen;
  await page.goto("/");
  await keys.tabTo(/^User ID/);
  await page.keyboard.type("alice");
  await keys.tabTo(/^Password/);
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await keys.at(/^Chats$/);
  await screen.inContact();
  await keys.press(/^New chat$/);
  await keys.at(/^New chat$/);
  for (const name of [/^Bob Brown/, /^Carol Clark/]) await keys.press(name, "Space");
  // A name that is taken back hands the focus on: to the next one, then to the field.
  await keys.tabTo(/^Remove Bob Brown$/, "Shift+Tab");
  await page.keyboard.press("Enter");
  await keys.at(/^Remove Carol Clark$/);
  await page.keyboard.press("Enter");
  await keys.at(/^Search by name or ID/);
  await keys.press(/^Bob Brown/, "Space");
  await keys.press(/^Start chat with 1$/);
  await keys.at(/^Bob Brown$/);
  await keys.tabTo(/^Message$/);
  await page.keyboard.type("By the keyboard");
  await keys.press(/^Send$/);
  await keys.at(/^Message$/);
  await screen.message("By the keyboard").getByText("At server").waitFor();
  await keys.tabTo(/^Back to chats$/, "Shift+Tab");
  await page.keyboard.press("Enter");
  await keys.at(/^Chats$/);
  await keys.press(/Bob Brown/);
  await keys.at(/^Bob Brown$/);
  await page.goBack();
  await keys.at(/^Chats$/);
});

test("replying, calling it off, a quick reply and the strip keep the focus", async () => {
  const { chatId } = await server.say("bob", ["alice", "carol"], "Who is at the mill?");
  const keys = await signedIn("carol");
  const { page } = keys.screen;
  await keys.press(/Alice Adams/);
  await keys.screen.message("Who is at the mill?").waitFor();
  await keys.press(/^Reply to Bob Brown$/);
  await keys.at(/^Message$/);
  await keys.tabTo(/^Cancel reply$/, "Shift+Tab");
  await page.keyboard.press("Enter");
  await keys.at(/^Message$/);
  await keys.tabTo(/^On site$/, "Shift+Tab");
  await page.keyboard.press("Enter");
  await keys.at(/^Message$/);
  await keys.screen.message("On site").waitFor();
  await keys.tabTo(/^2: /, "Shift+Tab");
  await page.keyboard.press("Enter");
  await keys.screen.message("On site").getByText("Alice Adams").waitFor();
  expect(await keys.focused()).toMatch(/^2: /);
  await page.keyboard.press("Enter");
  await keys.screen.message("On site").getByText("Alice Adams").waitFor({ state: "detached" });
  expect(await keys.focused()).toMatch(/^2: /);
  // To the newest message, from far above.
  for (let no = 1; no <= 40; no++)
    await server.call("bob", "POST", `/api/v1/chats/${chatId}/messages`, { message: `no ${no}` });
  await keys.screen.message("no 40").waitFor();
  await keys.screen.logAtRest();
  await keys.tabTo(/^Messages$/, "Shift+Tab");
  await page.keyboard.press("Home");
  await keys.screen.button("To the newest message").waitFor();
  await page.getByRole("textbox", { name: "Message" }).focus();
  await keys.tabTo(/^To the newest message$/, "Shift+Tab");
  await page.keyboard.press("Enter");
  await keys.at(/^Messages$/);
  await keys.screen.button("To the newest message").waitFor({ state: "detached" });
  await keys.at(/^Messages$/);
});

test("closing a banner or a toast hands the focus on, and an emergency gives it back where it was", async () => {
  const keys = await signedIn("bob");
  const { screen } = keys;
  const { page } = screen;
  await server.say("carol", ["bob"], "Isolated at S14", 3);
  await server.say("alice", ["bob"], "Keys are in the box", 3);
  const banner = (text: string) =>
    page.getByRole("status").filter({ hasText: text }).getByRole("button", { name: "Close" });
  for (const text of ["Isolated at S14", "Keys are in the box"]) await banner(text).last().waitFor();
  await keys.press(/^Close$/);
  await page.waitForFunction(() => document.querySelectorAll(".sticky-banner").length === 1);
  await keys.at(/IMPORTANT/);
  await keys.press(/^Close$/);
  await page.waitForFunction(() => document.querySelectorAll(".sticky-banner").length === 0);
  await keys.at(/^Chats$/);
  await server.say("carol", ["bob"], "Coffee at ten");
  await page.getByRole("status").filter({ hasText: "Coffee at ten" }).waitFor();
  await keys.press(/^Close$/);
  await page.waitForFunction(() => document.querySelectorAll(".toast").length === 0);
  await keys.at(/^Chats$/);
  await keys.press(/Carol Clark/);
  await keys.tabTo(/^Message$/);
  await page.keyboard.type("half wr");
  const sent = await server.send(["bob"], "Stand clear", 1);
  await page.getByRole("alertdialog").waitFor();
  await keys.press(/^Acknowledge$/);
  await page.getByRole("alertdialog").waitFor({ state: "detached" });
  await server.told("message.acknowledged", sent.messageId, "bob");
  await keys.at(/^Message$/);
  await page.keyboard.type("itten");
  expect(await page.getByRole("textbox", { name: "Message" }).inputValue()).toBe("half written");
});

test("the question before signing out gives the focus back, by its button and by Escape, and signing out leads to signing in", async () => {
  const keys = await signedIn("alice");
  const { page } = keys.screen;
  for (const stay of ["Enter", "Escape"]) {
    await keys.press(/^Sign out$/);
    await page.getByRole("dialog").waitFor();
    await keys.at(/^Stay signed in$/);
    await page.keyboard.press(stay);
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await keys.at(/^Sign out$/);
  }
  await page.keyboard.press("Enter");
  await keys.at(/^Stay signed in$/);
  await page.keyboard.press("Tab");
  await keys.at(/^Sign out$/);
  await page.keyboard.press("Enter");
  await page.getByRole("textbox", { name: "User ID" }).waitFor();
  // A page that was loaded begins at its beginning.
  await keys.tabTo(/^User ID/);
});

test("a session that ends while one writes leads to signing in", async () => {
  const keys = await signedIn("carol");
  const { screen } = keys;
  await keys.press(/Alice Adams|Bob Brown/);
  await keys.tabTo(/^Message$/);
  server.signOutUser("carol");
  await keys.at(/^Sign in$/);
  expect(await screen.page.evaluate(() => document.activeElement?.tagName)).toBe("H1");
});
