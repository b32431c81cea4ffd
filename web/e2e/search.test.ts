// Search and the keyboard's shortcuts, against the real server.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { DESK, PHONE, Screen } from "./screen.ts";
import { Server } from "./server.ts";

let server: Server;
let chatId = "";
const screens: Screen[] = [];
/** More than is loaded at once when a chat is opened. */
const MANY = 160;

beforeAll(async () => {
  server = await Server.start();
  ({ chatId } = await server.say("bob", ["alice"], "Feeder seven has tripped at the mill"));
  for (let n = 1; n <= MANY; n++)
    await server.call("bob", "POST", `/api/v1/chats/${chatId}/messages`, { message: `number ${n}` });
  await server.say("carol", ["alice"], "The mill is closed today");
});
afterAll(() => server.remove());
afterEach(async () => {
  const faults = screens.flatMap((screen) => screen.faults);
  for (const screen of screens.splice(0)) await screen.close();
  expect(faults).toEqual([]);
});

async function open(size: { width: number; height: number }): Promise<Screen> {
  const screen = await Screen.open(server, { size });
  screens.push(screen);
  await screen.signIn("alice");
  await screen.chat("Bob Brown").first().waitFor();
  return screen;
}
const field = ({ page }: Screen) => page.getByRole("searchbox", { name: "Search messages" });
const results = ({ page }: Screen) => page.getByRole("list", { name: "Search results" }).getByRole("link");

test("what is found is marked, narrowed down by person and time, and opens its conversation at that message", async () => {
  const screen = await open(PHONE);
  const { page } = screen;
  await field(screen).fill("MILL");
  await page.getByText("2 messages found").waitFor();
  expect(await results(screen).locator("mark").allTextContents()).toEqual(["mill", "mill"]);
  expect(await results(screen).locator("b").allTextContents()).toEqual(["Carol Clark", "Bob Brown"]);
  expect(await screen.axe()).toEqual([]);
  await page.getByLabel("Since").fill("2099-01-01");
  await page.getByText("Nothing found").waitFor();
  await page.getByLabel("Since").fill("");
  await page.getByLabel("From").selectOption({ label: "Bob Brown" });
  await page.getByText("1 message found").waitFor();
  await results(screen).click();
  // It stands in the middle of what was not loaded, and what follows comes while one scrolls.
  const found = screen.message("Feeder seven has tripped at the mill");
  await found.and(page.locator("[aria-current]")).waitFor();
  await screen.message("number 3").waitFor();
  await screen.button("To the newest message").click();
  await screen.message(`number ${MANY}`).waitFor();
  // By its address it opens there again.
  await page.reload();
  await found.and(page.locator("[aria-current]")).waitFor();
});

test("without contact what is on the device is searched, and it says so", async () => {
  const screen = await open(PHONE);
  await screen.context.setOffline(true);
  await screen.noContact.waitFor();
  await field(screen).fill("closed");
  await screen.page.getByText("No contact: only what is on this device was searched").waitFor();
  expect(await results(screen).locator("mark").allTextContents()).toEqual(["closed"]);
  await field(screen).press("Escape");
  await screen.chat("Carol Clark").first().waitFor();
});

test("single keys do what the list says, not while one types, and not when they are switched off", async () => {
  const screen = await open(DESK);
  const { page } = screen;
  const heading = (name: string) => page.getByRole("heading", { name, exact: true });
  const focused = (name: string) =>
    page.waitForFunction((name) => document.activeElement?.getAttribute("aria-label") === name, name);
  await page.keyboard.press("?");
  const list = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await list.getByText("Next chat").waitFor();
  expect(await screen.axe()).toEqual([]);
  // Behind a dialog nothing is done.
  await page.keyboard.press("n");
  await page.keyboard.press("Escape");
  await list.waitFor({ state: "detached" });
  expect(await heading("New chat").count()).toBe(0);
  await page.keyboard.press("n");
  await heading("New chat").waitFor();
  await page.keyboard.press("Escape");
  await heading("New chat").waitFor({ state: "detached" });
  await page.keyboard.press("j");
  await heading("Carol Clark").waitFor();
  await page.keyboard.press("j");
  await heading("Bob Brown").waitFor();
  await page.keyboard.press("k");
  await heading("Carol Clark").waitFor();
  await screen.message("The mill is closed today").waitFor();
  // A conversation that is left before it was drawn harms nothing.
  await page.evaluate(async () => {
    for (let n = 0; n < 60; n++) {
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: n % 2 ? "k" : "j", bubbles: true }));
      await new Promise((go) => setTimeout(go, n % 20));
    }
  });
  await heading("Carol Clark").waitFor();
  await screen.message("The mill is closed today").waitFor();
  await page.keyboard.press("r");
  await focused("Message");
  await screen.button("Cancel reply").waitFor();
  // While one types they are letters.
  await page.keyboard.type("jr/?");
  expect(await page.getByRole("textbox", { name: "Message" }).inputValue()).toBe("jr/?");
  await screen.button("Cancel reply").click();
  await page.getByRole("heading", { name: "Carol Clark", exact: true }).focus();
  await page.keyboard.press("/");
  await focused("Search messages");
  await screen.button("Setup").click();
  await page.getByRole("switch", { name: "Keyboard shortcuts" }).click();
  await page.keyboard.press("n");
  await page.reload();
  await heading("Setup").waitFor();
  await page.keyboard.press("n");
  await page.getByRole("switch", { name: "Keyboard shortcuts", checked: false }).click();
  await page.getByRole("switch", { name: "Keyboard shortcuts", checked: true }).waitFor();
  expect(await heading("Setup").count()).toBe(1);
});
