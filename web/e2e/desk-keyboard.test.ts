// A shift at the desk by the keyboard alone.

import { afterAll, beforeAll, expect, test } from "vitest";
import { Keys } from "./keys.ts";
import { Screen } from "./screen.ts";
import { Server } from "./server.ts";

const crew = Array.from({ length: 12 }, (_, n) => `crew${String(n + 1).padStart(2, "0")}`);
const names = Object.fromEntries(crew.map((id, n) => [id, `Person ${String(n + 1).padStart(2, "0")}`]));

let server: Server;
let screen: Screen;

beforeAll(async () => {
  server = await Server.start({ people: { ana: "Ana Ferreira", ...names }, roles: { ana: "dispatcher" } });
  server.watch("ana", "scada:north");
  await server.call("ana", "PUT", "/api/v1/groups/north", { name: "Storm crews North", userIds: crew });
  screen = await Screen.open(server, { size: { width: 1440, height: 900 } });
});
afterAll(async () => {
  const { faults } = screen;
  await screen.close();
  await server.remove();
  expect(faults).toEqual([]);
});

test("the desk is taken, what needs somebody is opened and answered, and a group gets an emergency, by the keyboard alone", async () => {
  await server.send(crew.slice(0, 2), "Line 26 is energised", 1);
  await server.say("crew03", ["ana"], "May we close S22?");
  await server.say("crew04", ["ana"], "East span is up");
  const { page } = screen;
  await screen.signIn("ana");
  const keys = new Keys(screen);
  const needs = page.getByRole("region", { name: "Needs you" });
  for (const text of ["Line 26 is energised", "May we close S22?", "East span is up"])
    await needs.getByText(text).waitFor();
  await keys.press(/^Take the desk$/);
  await screen.button("Leave the desk").waitFor();

  // One after the other: the emergency is in work by itself, the question and what is unread are chats.
  await page.getByRole("region", { name: "SCADA Control System" }).waitFor();
  await page.keyboard.press("j");
  await screen.message("May we close S22?").waitFor();
  await keys.at(/^Person 03$/);
  await page.keyboard.press("j");
  await screen.message("East span is up").waitFor();
  await keys.at(/^Person 04$/);
  // It is read, and needs nobody any more: the one before it is the question.
  await needs.getByText("East span is up").waitFor({ state: "detached" });
  await page.keyboard.press("k");
  await screen.message("May we close S22?").waitFor();
  await keys.at(/^Person 03$/);
  await page.keyboard.press("k");
  await keys.at(/^SCADA Control System$/);
  await keys.press(/^Send again to the silent$/);
  await page.getByText(/sent again by Ana Ferreira to Person 01, Person 02/).waitFor();

  // A question is answered where it stands.
  await keys.press(/^Answer: May we close S22\?$/);
  await keys.at(/^Message$/);
  await page.keyboard.type("Yes, close S22");
  await page.keyboard.press("Enter");
  await screen.message("Yes, close S22").getByText("At server").waitFor();
  await needs.getByText("May we close S22?").waitFor({ state: "detached" });

  // To a group: a second step, and the silent of it once more.
  await keys.press(/^Back to the desk$/);
  await keys.at(/^SCADA Control System$/);
  await keys.tabTo(/^To$/);
  await page.keyboard.type("storm");
  await page.getByRole("option", { name: "Storm crews North" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByText("0 of 12 reachable now").waitFor();
  await keys.tabTo(/^Message$/);
  await page.keyboard.type("Stay clear of tower 31");
  await keys.tabTo(/IMPORTANT/);
  await page.keyboard.press("ArrowRight");
  expect(await page.getByRole("radio", { name: /^EMERGENCY/ }).isChecked()).toBe(true);
  await page.keyboard.press("Control+Enter");
  const second = page.getByRole("dialog", { name: /12 people/ });
  await second.getByText("Stay clear of tower 31").waitFor();
  await keys.press(/^Send to 12$/);
  await second.waitFor({ state: "detached" });
  const own = page.getByRole("region", { name: "Ana Ferreira" });
  await own.getByText("12 silent: no device has stored it").waitFor();
  await keys.press(/^Send again to the silent$/);
  await own.getByText(/sent again by Ana Ferreira to Person 01, /).waitFor();

  // In the list of people the same keys lead from name to name.
  await keys.tabTo(/^Person 05/);
  await page.keyboard.press("j");
  await keys.at(/^Person 06/);
  await page.keyboard.press("k");
  await keys.at(/^Person 05/);
  await page.keyboard.press("Enter");
  await screen.button("Remove Person 05").waitFor();
  await keys.at(/./);
});
