// The desk: who has not got a message of the control system is seen, sent to again, and seen by the next shift, too.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Keys } from "./keys.ts";
import { Screen } from "./screen.ts";
import { Server } from "./server.ts";

const SIZE = { width: 1600, height: 1000 };
const SYSTEM = "scada:north";
const crew = Array.from({ length: 17 }, (_, n) => `crew${String(n + 1).padStart(2, "0")}`);
const names = Object.fromEntries(crew.map((id, n) => [id, `Person ${String(n + 1).padStart(2, "0")}`]));
const SILENT = ["crew03", "crew09", "crew17"];

let server: Server;
const screens: Screen[] = [];

beforeAll(async () => {
  server = await Server.start({
    people: { ada: "Ada Root", ana: "Ana Ferreira", dora: "Dora Lind", ...names },
    roles: { ada: "administrator", ana: "dispatcher", dora: "dispatcher" },
  });
  for (const id of ["ana", "dora"]) server.watch(id, SYSTEM);
  await server.call("ana", "PUT", "/api/v1/groups/north", { name: "Storm crews North", userIds: crew });
  const phrases = [
    { phraseId: "live", text: "Section {line} stays live until {time}.", shortcut: "live", priority: 1 },
  ];
  await server.call("ada", "PUT", "/api/v1/organisation/phrases", { revision: 0, phrases });
  for (const id of crew.slice(0, 2)) await server.call("ana", "PUT", `/api/v1/people/${id}/duty`, { onDuty: true });
});
afterAll(() => server.remove());
afterEach(async () => {
  const faults = screens.flatMap((screen) => screen.faults);
  for (const screen of screens.splice(0)) await screen.close();
  expect(faults).toEqual([]);
});

async function opened(look: Parameters<typeof Screen.open>[1] = { size: SIZE }): Promise<Screen> {
  const screen = await Screen.open(server, look);
  screens.push(screen);
  return screen;
}

const needs = ({ page }: Screen) => page.getByRole("region", { name: "Needs you" });
const work = ({ page }: Screen) => page.getByRole("region", { name: "SCADA Control System" });
const say = (id: string, messageId: string, state: string) =>
  server.call(id, "POST", "/api/v1/receipts", { receipts: [{ messageId, state }] });

test("an emergency of the control system to 17 people, of whom 3 stay silent, is seen at the desk and sent again", async () => {
  const ana = await opened();
  await ana.signIn("ana");
  await ana.page.getByRole("region", { name: "People" }).getByText("Person 17").waitFor();
  await needs(ana).getByText("Nothing needs you").waitFor();
  const text = "132 kV line Harwood–Ashby is ENERGISED. Do not climb.";
  const { messageId } = await server.send(crew, text, 1);
  // Before anybody has it.
  await needs(ana).getByText("17 of 17 not acknowledged").waitFor();
  const got = crew.filter((id) => !SILENT.includes(id));
  for (const id of got) await say(id, messageId, id < "crew10" ? "acknowledged" : "delivered");
  await work(ana).getByText("3 silent: no device has stored it").waitFor();
  const silent = await work(ana).locator("tr.silent:not(.group) td:first-child").allTextContents();
  expect(silent).toEqual(SILENT.map((id) => names[id]));
  expect(
    await work(ana)
      .getByRole("row", { name: /^Person 01 .*\d\d:\d\d:\d\d/ })
      .count(),
  ).toBe(1);
  await ana.button("Send again to the silent").click();
  await work(ana)
    .getByText(/sent again by Ana Ferreira to Person 03, Person 09, Person 17/)
    .waitFor();
  // The silent one comes back, and is alerted.
  const back = await opened({});
  await back.signIn("crew03");
  await back.page.getByRole("alertdialog").getByText(text).waitFor();
  await work(ana).getByText("2 silent: no device has stored it").waitFor();
  await back.button("Acknowledge").click();
  await work(ana)
    .getByRole("row", { name: /^Person 03 .*(\d\d:\d\d:\d\d.*){3}/ })
    .waitFor();

  // The next shift sees the same, also what was before it.
  const dora = await opened();
  await dora.signIn("dora");
  await needs(dora).getByText(text).waitFor();
  await work(dora).getByText("2 silent: no device has stored it").waitFor();
  await work(dora)
    .getByText(/sent again by Ana Ferreira to Person 03/)
    .waitFor();
});

test("an emergency to a group is written from a phrase, and asked about once more before it goes to so many", async () => {
  const ana = await opened();
  const { page } = ana;
  await ana.signIn("ana");
  const composer = page.getByRole("form", { name: "Write from the desk" });
  const to = composer.getByRole("combobox", { name: "To" });
  await to.fill("storm");
  await composer.getByRole("option", { name: "Storm crews North" }).click();
  await composer.getByText("0 of 17 reachable now").waitFor();
  await composer.getByText(/17 not: Person 01, /).waitFor();
  await composer.getByRole("textbox", { name: "Message" }).fill("live");
  await page.keyboard.press("Space");
  expect(await page.getByRole("radio", { name: /^EMERGENCY/ }).isChecked()).toBe(true);
  await page.keyboard.press("Control+Enter");
  await composer.getByText("To be filled: line, time").waitFor();
  expect(await page.getByRole("dialog").count()).toBe(0);
  await composer.getByRole("textbox", { name: "line" }).fill("Harwood–Ashby");
  await composer.getByRole("textbox", { name: "time" }).fill("16:30");
  await ana.button("Send to 17").click();
  const second = page.getByRole("dialog", { name: /17 people/ });
  await second.getByText("Section Harwood–Ashby stays live until 16:30.").waitFor();
  // A stray Enter sends nothing, and one can still go back.
  await page.keyboard.press("Enter");
  await second.getByRole("button", { name: "Back" }).click();
  await second.waitFor({ state: "detached" });
  await ana.button("Send to 17").click();
  await second.getByRole("button", { name: "Send to 17" }).click();
  const mine = page.getByRole("region", { name: "Ana Ferreira" });
  await mine.getByText("17 silent: no device has stored it").waitFor();
  const { chats } = await server.call<{
    chats: { lastMessage: { fromUserId: string; message: string; priority: number } }[];
  }>("crew05", "GET", "/api/v1/me/chats");
  expect(chats[0]?.lastMessage).toMatchObject({
    fromUserId: "ana",
    priority: 1,
    message: "Section Harwood–Ashby stays live until 16:30.",
  });
  // Everyone on duty, by the keyboard alone; no second step for two.
  await to.focus();
  await page.keyboard.type("everyone");
  await page.keyboard.press("Enter");
  await composer.getByText("0 of 2 reachable now").waitFor();
  await composer.getByRole("textbox", { name: "Message" }).focus();
  await page.keyboard.type("Coffee at ten");
  await page.keyboard.press("Control+Enter");
  await mine.getByText("Coffee at ten", { exact: true }).waitFor();
  await mine.getByText("2 silent: no device has stored it").waitFor();
});

test("who takes the desk is shown at every desk", async () => {
  const [ana, dora] = [await opened(), await opened()];
  await ana.signIn("ana");
  await dora.signIn("dora");
  await dora.page.getByText("Nobody sits at the desk").waitFor();
  await ana.button("Take the desk").click();
  await ana.button("Leave the desk").waitFor();
  await dora.page
    .getByRole("status")
    .filter({ hasText: /Ana Ferreira since \d\d:\d\d/ })
    .waitFor();
  await dora.button("Take the desk").click();
  await ana.page
    .getByRole("status")
    .filter({ hasText: /Ana Ferreira since .*Dora Lind since/ })
    .waitFor();
  await ana.button("Leave the desk").click();
  await dora.page
    .getByRole("status")
    .filter({ hasText: /^\s*Dora Lind since/ })
    .waitFor();
  // Who signs out leaves it, too.
  await dora.button("Sign out").click();
  await dora.page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
  await ana.page.getByText("Nobody sits at the desk").waitFor();
});

test("the desk is run by the keyboard alone, and the focus is never lost", async () => {
  // What came first is in work by itself.
  await server.send(["crew04"], "Older", 1);
  const { messageId } = await server.send(crew.slice(0, 3), "Walk the line by keyboard", 1);
  await say("crew01", messageId, "delivered");
  const ana = await opened();
  await ana.signIn("ana");
  const keys = new Keys(ana);
  await needs(ana).getByText("Walk the line by keyboard").waitFor();
  await keys.press(/^Take the desk$/);
  await ana.button("Leave the desk").waitFor();
  await keys.press(/^Open: Walk the line by keyboard$/);
  await keys.at(/^SCADA Control System$/);
  await work(ana).getByText("2 silent: no device has stored it").waitFor();
  await keys.press(/^Send again to the silent$/);
  await work(ana)
    .getByText(/sent again by Ana Ferreira to Person 02, Person 03/)
    .waitFor();
  // Everybody has it: the button goes, and what had the focus leads on.
  for (const id of ["crew02", "crew03"]) await say(id, messageId, "delivered");
  await ana.button("Send again to the silent").waitFor({ state: "detached" });
  await keys.at(/./);
  const to = ana.page.getByRole("combobox", { name: "To" });
  await to.focus();
  await ana.page.keyboard.type("person 01");
  await ana.page.keyboard.press("Enter");
  await keys.press(/^Remove Person 01$/);
  await expect.poll(() => to.evaluate((field) => field === document.activeElement)).toBe(true);
  // A name among the people is put under To.
  await keys.press(/^Person 02/);
  await ana.button("Remove Person 02").waitFor();
  await keys.at(/./);
});
