// An SOS from the field, against the real server: by one finger, by the keyboard, without contact, and seen by name.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { PHONE, Screen } from "./screen.ts";
import { Server } from "./server.ts";

let server: Server;
const screens: Screen[] = [];
/** Whose SOS it is: another person for each test, with chats of their own. */
const CREW = { hold: "Hal Holder", keys: "Kim Keys", away: "Ada Away" };
const NUMBER = "01632 960 144";

beforeAll(async () => {
  server = await Server.start({ people: { ...CREW, bob: "Bob Brown", dora: "Dora Desk" } });
  server.organise("sos", { revision: 0, toUsers: ["dora"], toGroups: [{ groupId: "on-duty" }], phone: NUMBER });
});
beforeEach(() => {
  screens.length = 0;
});
afterAll(() => server.remove());
afterEach(async () => {
  const faults = screens.flatMap((screen) => screen.faults);
  for (const screen of screens) await screen.close();
  expect(faults).toEqual([]);
});

/** Someone whose phone knows whom an SOS goes to. */
async function crew(userId: string): Promise<Screen> {
  const screen = await Screen.open(server, { size: PHONE });
  screens.push(screen);
  await screen.placeAt(51.5, -0.125);
  await screen.signIn(userId);
  await screen.button("SOS").click();
  await screen.page.getByText("Dora Desk, everyone on duty").waitFor();
  return screen;
}

interface Sent {
  messageId: string;
  chatId: string;
  message: string;
  priority: number;
  fromUserId: string;
  sentAt: string;
}
/** The alarms that Dora got of somebody. */
async function alarms(from: string): Promise<Sent[]> {
  const { events } = await server.call<{ events: { type: string; data: Sent }[] }>(
    "dora",
    "GET",
    "/api/v1/participants/me/events?limit=1000",
  );
  const received = events.filter(({ type }) => type === "message.received").map(({ data }) => data);
  return received.filter(({ fromUserId, priority }) => fromUserId === from && priority === 1);
}
const heading = (screen: Screen, name: string | RegExp) => screen.page.getByRole("heading", { name }).waitFor();

test("held for three seconds it can be cancelled; held again it goes out with the position, and no second press makes another", async () => {
  const screen = await crew("hold");
  const { page } = screen;
  await page.getByText("51.50000, -0.12500, to 12 m").waitFor();
  const ring = screen.button("SOS");
  const box = await ring.boundingBox();
  if (box === null) throw new Error("the ring is not drawn");
  const down = async () => {
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
  };
  // Let go at once: nothing but a hint.
  await down();
  await page.getByText("Hold 3 s more").waitFor();
  await page.mouse.up();
  await page.locator("#sos-hold:not(.visually-hidden)").waitFor();
  await down();
  await heading(screen, /^SOS goes out in \d s$/);
  await page.mouse.up();
  expect(await screen.axe()).toEqual([]);
  await screen.button(/^Cancel/).click();
  await page.getByText("Nothing has been sent").waitFor();
  // From the list, without its screen: the button is held there.
  await screen.button("Back to chats").click();
  await screen.button("SOS").hover();
  await page.mouse.down();
  await heading(screen, /^SOS goes out/);
  await page.mouse.up();
  await heading(screen, "SOS sent");
  await screen.button("Back to chats").click();
  await screen.button("SOS").click();
  await heading(screen, "SOS sent");
  expect(await screen.button("Send now").count()).toBe(0);
  const all = await alarms("hold");
  expect(all.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^SOS\. Pressed at [\d:]+\. Position: 51\.50000, -0\.12500, to 12 m, \d.* ago\.$/),
  ]);
});

test("by the keyboard: a key that is held, or Send now; a stray Enter cancels nothing, and it is seen by name", async () => {
  const screen = await crew("keys");
  const { page } = screen;
  await screen.button("SOS").focus();
  await page.keyboard.down("Enter");
  await heading(screen, /^SOS goes out/);
  // Held on, as a hand that shakes does: the key repeats.
  await page.keyboard.down("Enter");
  await page.keyboard.up("Enter");
  await heading(screen, "SOS sent");
  const [alarm] = await alarms("keys");
  if (alarm === undefined) throw new Error("no alarm came");
  const say = (state: string) =>
    server.call("dora", "POST", "/api/v1/receipts", { receipts: [{ messageId: alarm.messageId, state }] });
  await say("read");
  const way = page.getByRole("list", { name: "What became of it" });
  await way.getByText("Read by Dora Desk").waitFor();
  await way.getByText("Acknowledged by nobody yet").waitFor();
  await say("acknowledged");
  await way.getByText("Acknowledged by Dora Desk").waitFor();
  await heading(screen, "SOS acknowledged");
  expect(await screen.axe()).toEqual([]);
  await screen.button("Close").click();
  // It is over: the next one is a new one.
  await screen.button("SOS").press("Enter");
  await screen.button(/^Send now/).press("Enter");
  await heading(screen, "SOS sent");
  expect((await alarms("keys")).length).toBe(2);
});

test("without contact it waits with the number to call, goes first when there is contact, and is one, however often one presses", async () => {
  const screen = await crew("away");
  const { page } = screen;
  await screen.button("Back to chats").click();
  const { chatId } = await server.say("bob", ["away"], "Where are you?");
  await screen.chat("Bob Brown").waitFor();
  await screen.context.setOffline(true);
  await screen.noContact.waitFor();
  await page.getByRole("link", { name: /Bob Brown/ }).click();
  await screen.write("Behind the mill");
  await screen.message("Behind the mill").getByText("Waiting").waitFor();
  await screen.button("SOS").click();
  await screen.button(/^Send now/).click();
  await heading(screen, "SOS waits");
  await page.getByText("Waiting: not sent yet", { exact: true }).waitFor();
  expect(await page.getByRole("link", { name: NUMBER }).getAttribute("href")).toBe("tel:01632960144");
  expect(await screen.axe()).toEqual([]);
  await screen.button("Back to chats").click();
  await screen.button("SOS").hover();
  await page.mouse.down();
  await page.mouse.up();
  await heading(screen, "SOS waits");
  await screen.context.setOffline(false);
  await heading(screen, "SOS sent");
  const [alarm, ...more] = await alarms("away");
  expect(more).toEqual([]);
  await expect.poll(() => server.texts("bob", chatId)).toEqual(["Where are you?", "Behind the mill"]);
  const { messages } = await server.call<{ messages: Sent[] }>("bob", "GET", `/api/v1/chats/${chatId}/messages`);
  // The ordinary message was written before, and went after.
  expect(Date.parse(alarm?.sentAt ?? "")).toBeLessThanOrEqual(Date.parse(messages[0]?.sentAt ?? ""));
});
