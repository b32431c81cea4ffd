// Alerts outside of the page: of a page that is hidden, and of an app that is closed.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Pushes } from "./push.ts";
import { Screen } from "./screen.ts";
import { Server } from "./server.ts";

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

async function signedIn(userId: string): Promise<{ screen: Screen; pushes: Pushes }> {
  const screen = await Screen.openPlain(server);
  screens.push(screen);
  const pushes = await Pushes.of(screen, server);
  await screen.page.addInitScript(() => {
    const badges: number[] = [];
    Object.assign(window, { badges });
    const kept = {
      setAppBadge: async (n: number) => void badges.push(n),
      clearAppBadge: async () => void badges.push(0),
    };
    for (const [name, value] of Object.entries(kept)) Object.defineProperty(Navigator.prototype, name, { value });
  });
  await screen.signIn(userId, server.url);
  await screen.page.evaluate(async () => void (await navigator.serviceWorker.ready));
  return { screen, pushes };
}

const badge = ({ page }: Screen) => page.evaluate(() => (window as unknown as { badges: number[] }).badges.at(-1) ?? 0);

test("a hidden page alerts by the system, each priority in its way, and what was read elsewhere goes away", async () => {
  const { screen, pushes } = await signedIn("alice");
  await screen.hide();
  const passes = await server.say("bob", ["alice"], "Coffee at ten");
  await pushes.shows([{ title: "Bob Brown", body: "Coffee at ten", tag: passes.chatId, stays: false, renews: false }]);
  const sticky = await server.say("carol", ["alice"], "Permit 4471 is cancelled", 3);
  const emergencies = [
    await server.send(["alice"], "Tower 31 is live", 1),
    await server.send(["alice"], "Tower 32 too", 1),
  ];
  const important = {
    title: "IMPORTANT: Carol Clark",
    body: "Permit 4471 is cancelled",
    tag: sticky.chatId,
    stays: true,
  };
  const [first, second] = emergencies.map(({ messageId }) => messageId);
  const help = {
    title: "EMERGENCY: SCADA Control System",
    body: "Tower 31 is live",
    tag: first ?? "",
    stays: true,
    renews: true,
  };
  const more = { body: "Tower 32 too", tag: second ?? "", stays: true, renews: true };
  await pushes.shows([{ body: "Coffee at ten" }, { ...important, renews: true }, help, more]);
  await expect.poll(() => badge(screen)).toBe(3);
  // On another device of hers.
  const say = (receipts: unknown[]) => server.call("alice", "POST", "/api/v1/receipts", { receipts });
  await say([{ chatId: passes.chatId, readUpTo: passes.messageId }]);
  await say([{ messageId: second, state: "read" }]);
  await pushes.shows([important, help, more]);
  await say([{ chatId: sticky.chatId, readUpTo: sticky.messageId }]);
  await say([{ messageId: first, state: "acknowledged" }]);
  await pushes.shows([more]);
  await expect.poll(() => badge(screen)).toBe(1);
  await say([{ messageId: second, state: "acknowledged" }]);
  await pushes.shows([]);
  await expect.poll(() => badge(screen)).toBe(0);
});

test("where another tab of the app is in front, the hidden one shows nothing outside of the page", async () => {
  const { screen, pushes } = await signedIn("bob");
  const front = await screen.hide();
  await front.goto(server.url);
  await front.locator("main[data-contact=live]").waitFor();
  await server.say("alice", ["bob"], "You see this", 3);
  await front.getByRole("status").filter({ hasText: "You see this" }).waitFor();
  // A test push shows itself whatever is in front: when it stands, what was said before it has been dealt with. It is given
  // again until then: a browser that is starting its service worker may drop one.
  const fence = async () => {
    await pushes.test("nobody");
    return pushes.standing();
  };
  await expect.poll(fence, { interval: 2_000 }).toMatchObject([{ body: "This device can be woken" }]);
});

test("a press on a notification brings the page to its chat", async () => {
  const { screen, pushes } = await signedIn("carol");
  await screen.hide();
  await server.say("alice", ["carol"], "Open me", 3);
  await pushes.shows([{ body: "Open me" }]);
  await screen.page.bringToFront();
  // A test cannot press what the system shows: its own event has what the handler needs.
  const worker = screen.context.serviceWorkers()[0];
  await worker?.evaluate(async () => {
    const { registration } = self as unknown as { registration: ServiceWorkerRegistration };
    const notification = (await registration.getNotifications())[0];
    const work: Promise<unknown>[] = [];
    const waitUntil = (done: Promise<unknown>) => work.push(done);
    self.dispatchEvent(Object.assign(new Event("notificationclick"), { notification, waitUntil }));
    await Promise.all(work);
  });
  await screen.message("Open me").waitFor();
  // Read here: what stood goes.
  await pushes.shows([]);
});

test("a push to a closed app stores the message, tells the sender that it was delivered, and shows it", async () => {
  const { screen, pushes } = await signedIn("alice");
  await screen.page.goto("about:blank");
  const sent = await server.send(["alice"], "Stored while you slept", 3);
  expect((await server.state(sent.messageId)).recipients[0]?.state).toBe("accepted");
  await pushes.message(sent, 3);
  await server.told("message.delivered", sent.messageId, "alice");
  // The server is away when the app is opened: what is shown was stored by the push.
  await server.kill();
  await screen.page.goto(`${server.url}/chats/${sent.chatId}`);
  await screen.message("Stored while you slept").waitFor();
  await screen.noContact.waitFor();
  await server.up();
  await server.told("message.read", sent.messageId, "alice");
  await pushes.shows([]);
});

test("an emergency by push is shown with its text, takes the screen when the app is opened, and goes when it is acknowledged", async () => {
  const { screen, pushes } = await signedIn("alice");
  await screen.page.goto("about:blank");
  const sent = await server.send(["alice"], "Line 4 is ENERGISED", 1);
  await pushes.message(sent, 1);
  await server.told("message.delivered", sent.messageId, "alice");
  await screen.page.goto(server.url);
  await screen.page.getByRole("alertdialog").filter({ hasText: "Line 4 is ENERGISED" }).waitFor();
  await pushes.shows([
    { title: "EMERGENCY: SCADA Control System", body: "Line 4 is ENERGISED", tag: sent.messageId, stays: true },
  ]);
  await screen.button("Acknowledge").click();
  await server.told("message.acknowledged", sent.messageId, "alice");
  await pushes.shows([]);
});

test("a push whose message cannot be fetched shows an alert without a text, and tells nobody that it was delivered", async () => {
  const { screen, pushes } = await signedIn("bob");
  // A page of this origin that is not the app: it can ask what stands, and is not told what comes.
  await screen.page.goto(`${server.url}/api/docs`);
  const other = await screen.hide();
  const sent = await server.send(["bob"], "Not fetched", 1);
  await server.kill();
  await pushes.message(sent, 1);
  await pushes.shows([{ title: "Crewline", body: "EMERGENCY", tag: sent.messageId, stays: true }]);
  await server.up();
  expect((await server.state(sent.messageId)).recipients[0]?.state).toBe("accepted");
  await other.close();
  // The app fetches it when it is opened; what stood without a text goes with it.
  await screen.page.goto(server.url);
  await screen.page.getByRole("alertdialog").filter({ hasText: "Not fetched" }).waitFor();
  await screen.button("Acknowledge").click();
  await server.told("message.acknowledged", sent.messageId, "bob");
  await pushes.shows([]);
});

test("an app that is in front shows its own alert, and the push no second one", async () => {
  const { screen, pushes } = await signedIn("carol");
  const sent = await server.say("bob", ["carol"], "Once is enough", 3);
  await screen.page.getByRole("status").filter({ hasText: "Once is enough" }).waitFor();
  await pushes.message(sent, 3);
  // A test push shows itself whatever is in front: when it stands, the push before it has been dealt with.
  await pushes.test("nobody");
  await pushes.shows([{ body: "This device can be woken" }]);
});

test("signing out leaves no notification and no number", async () => {
  const { screen, pushes } = await signedIn("bob");
  const other = await screen.hide();
  await server.say("alice", ["bob"], "Still here", 3);
  await pushes.shows([{ body: "Still here" }]);
  await other.close();
  await screen.button("Sign out").click();
  await screen.page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
  await screen.page.getByRole("textbox", { name: "User ID" }).waitFor();
  await pushes.shows([]);
});
