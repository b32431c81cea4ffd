// The desk in several tabs and browsers: one tab follows for all, and who closes the browser is not at the desk for ever.

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Screen } from "./screen.ts";
import { Server } from "./server.ts";

const SIZE = { width: 1600, height: 1000 };
const SYSTEM = "scada:north";

let server: Server;
const screens: Screen[] = [];

beforeAll(async () => {
  server = await Server.start({
    people: { ana: "Ana Ferreira", dora: "Dora Lind", tom: "Tom Okafor", eve: "Eve Novak" },
    roles: { ana: "dispatcher", dora: "dispatcher" },
  });
  for (const id of ["ana", "dora"]) server.watch(id, SYSTEM);
});
afterAll(() => server.remove());
afterEach(async () => {
  const faults = screens.flatMap((screen) => screen.faults);
  for (const screen of screens.splice(0)) await screen.close();
  expect(faults).toEqual([]);
});

function kept(screen: Screen): Screen {
  screens.push(screen);
  return screen;
}
const opened = async (look: Parameters<typeof Screen.open>[1] = { size: SIZE }) =>
  kept(await Screen.open(server, look));
const needs = (page: Page) => page.getByRole("region", { name: "Needs you" });
const work = (page: Page) => page.getByRole("region", { name: "SCADA Control System" });

/** Notes under a name whenever a page begins to follow the log of the control system. */
function noted(page: Page, name: string, follows: string[]): void {
  page.on("websocket", (socket) =>
    socket.on("framesent", ({ payload }) => {
      if (String(payload).startsWith('{"hello":') && String(payload).includes(SYSTEM)) follows.push(name);
    }),
  );
}

test("of two tabs with a desk one follows those who are watched, both show it, and the other goes on when that one is closed", async () => {
  const follows: string[] = [];
  const screen = await opened();
  const first = screen.page;
  noted(first, "first", follows);
  await screen.signIn("ana");
  await expect.poll(() => follows).toEqual(["first"]);
  const second = await screen.context.newPage();
  noted(second, "second", follows);
  await second.goto("/");
  const { messageId } = await server.send(["tom", "eve"], "Breaker S14 is open", 1);
  for (const page of [first, second]) {
    await needs(page).getByText("Breaker S14 is open").waitFor();
    await work(page).getByText("2 silent: no device has stored it").waitFor();
  }
  const receipts = { receipts: [{ messageId, state: "acknowledged" }] };
  await server.call("tom", "POST", "/api/v1/receipts", receipts);
  for (const page of [first, second]) await work(page).getByText("1 silent: no device has stored it").waitFor();
  expect(follows).toEqual(["first"]);
  await first.close();
  await expect.poll(() => follows).toEqual(["first", "second"]);
  await server.call("eve", "POST", "/api/v1/receipts", receipts);
  await needs(second).getByText("Breaker S14 is open").waitFor({ state: "detached" });
});

test("a tab that is looked at follows in place of one that is hidden", async () => {
  const follows: string[] = [];
  const screen = kept(await Screen.openPlain(server));
  const first = screen.page;
  await first.setViewportSize(SIZE);
  noted(first, "first", follows);
  await first.goto(server.url);
  await screen.signIn("dora", server.url);
  await expect.poll(() => follows).toEqual(["first"]);
  const second = await screen.hide();
  await second.setViewportSize(SIZE);
  noted(second, "second", follows);
  await second.goto(server.url);
  await expect.poll(() => follows).toEqual(["first", "second"]);
  await first.bringToFront();
  await expect.poll(() => follows).toEqual(["first", "second", "first"]);
});

test("a page of the desk says again that somebody sits there, and one that is closed is shown without contact", async () => {
  const [ana, dora] = [await opened(), await opened()];
  await ana.page.clock.install();
  await ana.signIn("ana");
  await ana.button("Take the desk").click();
  await ana.button("Leave the desk").waitFor();
  const again = ana.page.waitForRequest((asked) => asked.method() === "PUT" && asked.url().endsWith("/api/v1/desk"));
  await ana.page.clock.fastForward(60_000);
  expect((await (await again).response())?.status()).toBe(200);
  await dora.signIn("dora");
  const post = dora.page.getByRole("status").filter({ hasText: "Ana Ferreira since" });
  await post.waitFor();
  expect(await post.getByText("no contact").count()).toBe(0);
  await screens.splice(screens.indexOf(ana), 1)[0]?.close();
  await post.getByText("no contact").waitFor();
});

test("the device of somebody and the way to it stand in the table and among the people", async () => {
  const dora = await opened();
  await dora.signIn("dora");
  await server.send(["tom", "eve"], "Fuses are in the van", 1);
  const people = dora.page.getByRole("region", { name: "People" });
  await people.getByRole("button", { name: "Eve Novak" }).filter({ hasText: "no contact" }).waitFor();
  const tom = await opened({});
  await tom.signIn("tom");
  await people
    .getByRole("button", { name: "Tom Okafor" })
    .filter({ hasText: /now.*Browser, app open/ })
    .waitFor();
  await work(dora.page)
    .getByRole("row", { name: /^Tom Okafor .*Browser, app open.* now$/ })
    .waitFor();
  await screens.splice(screens.indexOf(tom), 1)[0]?.close();
  await work(dora.page)
    .getByRole("row", { name: /^Tom Okafor .*Browser, no contact.* ago$/ })
    .waitFor();
});

test("an SOS shows where somebody is, as a way to the map and as numbers, in the alert and in the conversation", async () => {
  const dora = await opened();
  await dora.signIn("dora");
  await server.say("eve", ["dora"], "SOS. Pressed at 14:41:07. Position: 51.50000, -0.12500, to 12 m, 0:08 ago.", 1);
  const alarm = dora.page.getByRole("alertdialog");
  const link = (within: ReturnType<Page["getByRole"]>) =>
    within.getByRole("link", { name: "Show 51.50000, -0.12500 on a map" });
  expect(await link(alarm).getAttribute("href")).toBe("geo:51.50000,-0.12500;u=12");
  await alarm.getByText("measured 0:08 before the SOS").waitFor();
  expect(await dora.axe()).toEqual([]);
  await dora.button("Acknowledge").click();
  await alarm.waitFor({ state: "detached" });
  await dora.page.getByRole("link", { name: /Eve Novak/ }).click();
  await link(dora.page.getByRole("article")).waitFor();
  await dora.page.getByRole("article").getByText("to 12 m", { exact: true }).waitFor();
  expect(await dora.axe()).toEqual([]);
});
