// Much at once: what comes together is read together, so that a screen with much going on leaves the device its time.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Screen } from "./screen.ts";
import { Server } from "./server.ts";

const RUSH = 40;

let server: Server;
const screens: Screen[] = [];

beforeAll(async () => {
  server = await Server.start({ people: { ana: "Ana Ferreira" }, roles: { ana: "dispatcher" } });
});
afterAll(() => server.remove());
afterEach(async () => {
  const faults = screens.flatMap((screen) => screen.faults);
  for (const screen of screens.splice(0)) await screen.close();
  expect(faults).toEqual([]);
});

async function desk(): Promise<Screen> {
  const screen = await Screen.open(server, { size: { width: 1600, height: 1000 } });
  screens.push(screen);
  await screen.page.addInitScript(() => {
    const seen = window as unknown as { readings: number };
    seen.readings = 0;
    const own = IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = function (...words) {
      if (words[1] === "readonly") seen.readings += 1;
      return own.apply(this, words);
    };
  });
  await screen.signIn("ana");
  await screen.inContact();
  return screen;
}

test("a rush of messages is read at most once for each, and the newest of them and an emergency are shown", async () => {
  const { page } = await desk();
  await server.send(["ana"], "Before all");
  await page.getByRole("list", { name: "Chats" }).getByText("Before all").waitFor();
  const readings = () => page.evaluate(() => (window as unknown as { readings: number }).readings);
  const before = await readings();
  for (let n = 1; n < RUSH; n++) await server.send(["ana"], `Telegram ${n}`);
  await server.send(["ana"], "The last of them");
  await page.getByRole("list", { name: "Chats" }).getByText("The last of them").waitFor();
  await page.getByRole("status").filter({ hasText: "The last of them" }).waitFor();
  // What follows the contact reads now and then, too.
  expect((await readings()) - before).toBeLessThanOrEqual(RUSH + 15);
  await server.send(["ana"], "Leave the switchyard", 1);
  await page.getByRole("alertdialog").getByText("Leave the switchyard").waitFor();
});
