// The setup screen: what is proven, what is to do, what cannot be done here; and what one sets on it.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Pushes, PushServer, subscribable } from "./push.ts";
import { DESK, Screen } from "./screen.ts";
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

async function opened(size?: { width: number; height: number }): Promise<{ screen: Screen; push: PushServer }> {
  const screen = await Screen.open(server, size === undefined ? {} : { size });
  screens.push(screen);
  const push = new PushServer();
  await push.answer(screen.context);
  await subscribable(screen.context);
  return { screen, push };
}

const check = ({ page }: Screen, name: string) =>
  page.getByRole("list", { name: "Checks" }).getByRole("listitem", { name, exact: true });

test("push is proven when the service worker has answered a test, and the screen sees it by itself", async () => {
  const { screen, push } = await opened();
  const pushes = await Pushes.of(screen, server);
  push.onTest = () => pushes.test("nonce-1");
  await screen.signIn("alice");
  await screen.button("Setup").click();
  await check(screen, "Notifications").getByText("Alerts are shown outside of the app").waitFor();
  await check(screen, "Wakes when closed").getByText("Not switched on").waitFor();
  await screen.button("Switch on and test").click();
  await check(screen, "Wakes when closed").getByText("A test reached this device").waitFor();
  await pushes.shows([{ body: "This device can be woken", tag: "test" }]);
  expect(push.asked).toContain("PUT /subscription");
  expect(push.asked).toContain("POST /proof");
  // At the next start it is said again, and stays proven.
  push.asked.length = 0;
  await screen.page.reload();
  await check(screen, "Wakes when closed").getByText("A test reached this device").waitFor();
  await expect.poll(() => push.asked).toContain("PUT /subscription");
  await screen.button("Back to chats").click();
  await screen.button("Sign out").click();
  await screen.page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
  await screen.page.getByRole("textbox", { name: "User ID" }).waitFor();
  expect(await screen.page.evaluate(() => localStorage.getItem("test.subscribed"))).toBeNull();
  await pushes.shows([]);
});

test("a subscription whose permission is gone is removed at the next start", async () => {
  const { screen, push } = await opened();
  const pushes = await Pushes.of(screen, server);
  push.onTest = () => pushes.test("nonce-1");
  await screen.signIn("bob");
  await screen.button("Setup").click();
  await screen.button("Switch on and test").click();
  await check(screen, "Wakes when closed").getByText("A test reached this device").waitFor();
  await screen.context.clearPermissions();
  await screen.page.reload();
  await check(screen, "Wakes when closed").getByText("Needs notifications to be allowed first").waitFor();
  await expect.poll(() => push.asked).toContain("DELETE /subscription");
  expect(await screen.page.evaluate(() => localStorage.getItem("test.subscribed"))).toBeNull();
});

test("what a device cannot do is said plainly, with the reason", async () => {
  const { screen, push } = await opened();
  push.publicKey = null;
  await screen.signIn("alice");
  await screen.button("Setup").click();
  await screen.page.getByText("This device cannot be woken when the app is closed.").waitFor();
  await check(screen, "Wakes when closed").getByText("Push is switched off on the server").waitFor();
});

test("a page without https says that nobody can wake the device, and works", async () => {
  const screen = await Screen.openPlain(server, "crewline.test");
  screens.push(screen);
  await screen.signIn("carol", `${server.at("crewline.test")}/#setup`);
  await screen.page.getByText("This device cannot be woken when the app is closed.").waitFor();
  await check(screen, "Wakes when closed").getByText("A browser lets nobody wake a page without https").waitFor();
  await check(screen, "Notifications").getByText("A browser shows none for a page without https").waitFor();
  await check(screen, "Connection").getByText("Not secure").waitFor();
  await server.say("bob", ["carol"], "By the old road", 3);
  await screen.page.getByRole("status").filter({ hasText: "By the old road" }).waitFor();
});

test("a subscription that the browser changed is told to the server without the app", async () => {
  const { screen, push } = await opened();
  const pushes = await Pushes.of(screen, server);
  push.onTest = () => pushes.test("nonce-1");
  await screen.signIn("carol");
  await screen.button("Setup").click();
  await screen.button("Switch on and test").click();
  await check(screen, "Wakes when closed").getByText("A test reached this device").waitFor();
  const worker = screen.context.serviceWorkers()[0];
  await screen.page.goto("about:blank");
  push.asked.length = 0;
  await worker?.evaluate(async () => {
    const toJSON = () => ({ endpoint: "https://other.example/2", keys: { p256dh: "BKey", auth: "secret" } });
    const made = { options: { applicationServerKey: null }, toJSON } as unknown as PushSubscription;
    PushManager.prototype.getSubscription = async () => null;
    PushManager.prototype.subscribe = async () => made;
    // A test cannot have the browser say it: its own event has what the handler needs.
    const work: Promise<unknown>[] = [];
    const event = Object.assign(new Event("pushsubscriptionchange"), {
      waitUntil: (done: Promise<unknown>) => work.push(done),
    });
    self.dispatchEvent(event);
    await Promise.all(work);
  });
  expect(push.asked).toContain("PUT /subscription");
  expect(push.subscription?.endpointHost).toBe("other.example");
});

test("a device that the server cannot reach is told why", async () => {
  const { screen, push } = await opened();
  await screen.context.grantPermissions(["notifications"], { origin: server.url });
  await screen.signIn("alice");
  await screen.button("Setup").click();
  await screen.button("Switch on and test").click();
  await check(screen, "Wakes when closed")
    .getByText("No test has reached")
    .or(check(screen, "Wakes when closed").getByText("under way"))
    .waitFor();
  if (push.subscription !== null) push.subscription.lastError = "no route to push.example";
  await screen.page.reload();
  await check(screen, "Wakes when closed")
    .getByText("The server could not reach this device: no route to push.example")
    .waitFor();
});

test("permission is asked for by a press alone, and a notification can be tried", async () => {
  const { screen } = await opened();
  await screen.page.addInitScript(() => {
    const asked: string[] = [];
    Object.assign(window, { asked });
    Notification.requestPermission = async () => {
      asked.push("permission");
      return "denied";
    };
  });
  await screen.signIn("alice");
  await screen.button("Check this device").click();
  const asked = () => screen.page.evaluate(() => (window as unknown as { asked: string[] }).asked);
  await check(screen, "Notifications").getByText("Not allowed yet").waitFor();
  expect(await asked()).toEqual([]);
  await screen.button("Allow notifications").click();
  await check(screen, "Notifications").getByText("Refused in this browser").waitFor();
  expect(await asked()).toEqual(["permission"]);
  const pushes = await Pushes.of(screen, server);
  await screen.page.reload();
  await screen.button("Show one").click();
  await pushes.shows([{ body: "This is what an alert looks like" }]);
});

test("the sound is proven by who heard it, and the mark goes when nothing is left to do", async () => {
  const { screen, push } = await opened();
  push.publicKey = null;
  await screen.context.grantPermissions(["notifications"], { origin: server.url });
  // Opened as an app: nothing can be installed in a test.
  await screen.page.addInitScript(() => {
    const match = window.matchMedia.bind(window);
    window.matchMedia = (query) => match(query.includes("display-mode") ? "all" : query);
  });
  await screen.signIn("bob");
  const setup = screen.button("Setup");
  const mark = () => setup.getAttribute("aria-describedby");
  expect(await mark()).not.toBeNull();
  await setup.click();
  await screen.button("Play the sound").click();
  await screen.button("I heard nothing").click();
  await check(screen, "Sound").getByText("You heard nothing").waitFor();
  await screen.button("Play the sound").click();
  await screen.button("I heard it").click();
  await check(screen, "Sound").getByText("You heard it").waitFor();
  await screen.page.reload();
  await check(screen, "Sound").getByText("You heard it").waitFor();
  await check(screen, "Clock").getByText("Against the server").waitFor();
  await screen.button("Back to chats").click();
  await screen.chatsTitle.waitFor();
  await expect.poll(mark).toBeNull();
  expect(await screen.button("Check this device").count()).toBe(0);
});

test("a clock that is an hour wrong is told", async () => {
  const { screen } = await opened();
  await screen.page.clock.install({ time: Date.now() - 3_600_000 });
  await screen.signIn("alice", "/#setup");
  await check(screen, "Clock").getByText("This device's clock is wrong").waitFor();
  await check(screen, "Clock").getByText("−60 min").waitFor();
});

test("the look that a person chose is there before the first paint, and goes back to the system's", async () => {
  const { screen } = await opened();
  const { page } = screen;
  await screen.signIn("carol", "/#setup");
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  await page.getByRole("radio", { name: "Dark" }).check();
  await page.getByRole("radio", { name: "More" }).check();
  const dark = await ground();
  expect(dark).not.toBe(light);
  // Without the app's own script nothing but what comes before it can have set the look.
  const app = /\/assets\/app-.*\.js/;
  await page.evaluate(async () => {
    for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
  });
  await page.route(app, (route) => route.abort());
  await page.reload();
  await page.waitForLoadState();
  expect(await page.evaluate(() => document.getElementById("app")?.childElementCount)).toBe(0);
  expect(await ground()).toBe(dark);
  await page.unroute(app);
  await page.reload();
  await page.getByRole("group", { name: "Theme" }).getByRole("radio", { name: "System" }).check();
  await page.getByRole("group", { name: "Contrast" }).getByRole("radio", { name: "System" }).check();
  expect(await ground()).toBe(light);
  await page.reload();
  await page.getByRole("radio", { name: "Dark" }).waitFor();
  expect(await ground()).toBe(light);
});

test("the screen is kept on where the person wants it, and asked for again when the page comes back", async () => {
  const screen = await Screen.openPlain(server);
  screens.push(screen);
  await screen.page.addInitScript(() => {
    const locks: { released: boolean; release(): Promise<void> }[] = [];
    Object.assign(window, { locks });
    const request = async () => {
      const lock = {
        released: false,
        release: async () => {
          lock.released = true;
        },
      };
      locks.push(lock);
      // A browser takes it back when the page is hidden.
      document.addEventListener("visibilitychange", () => {
        if (document.visibilityState === "hidden") lock.released = true;
      });
      return lock;
    };
    Object.defineProperty(Navigator.prototype, "wakeLock", { value: { request } });
  });
  const held = () =>
    screen.page.evaluate(() =>
      (window as unknown as { locks: { released: boolean }[] }).locks.map(({ released }) => !released),
    );
  await screen.signIn("carol", `${server.url}/#setup`);
  const awake = screen.page.getByRole("switch", { name: "Keep the screen on" });
  await awake.click();
  await expect.poll(held).toEqual([true]);
  const other = await screen.hide();
  await expect.poll(held).toEqual([false]);
  await other.close();
  await screen.page.bringToFront();
  await expect.poll(held).toEqual([false, true]);
  await screen.page.reload();
  await expect.poll(held).toEqual([true]);
  await awake.click();
  await expect.poll(held).toEqual([false]);
  expect(await awake.getAttribute("aria-checked")).toBe("false");
});

test("the setup screen can be walked by the keyboard", async () => {
  const { screen } = await opened(DESK);
  const { page } = screen;
  await screen.context.grantPermissions(["notifications"], { origin: server.url });
  await screen.signIn("alice");
  await screen.button("Setup").focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.id === "setup-title");
  await check(screen, "Wakes when closed").waitFor();
  const at: string[] = [];
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      const label = element?.getAttribute("aria-labelledby");
      const named = label ? document.getElementById(label) : element?.closest("label");
      return named?.textContent?.trim() ?? element?.textContent?.trim() ?? "";
    });
  for (let presses = 0; presses < 20 && at.at(-1) !== "System"; presses++) {
    await page.keyboard.press("Tab");
    at.push(await focused());
    if (at.at(-1) === "Play the sound" && !at.includes("I heard it")) await page.keyboard.press("Enter");
    if (at.at(-1) === "Keep the screen on") await page.keyboard.press("Space");
  }
  const wanted = [
    "Play the sound",
    "I heard it",
    "I heard nothing",
    "Switch on and test",
    "Show one",
    "Keep the screen on",
    "Vibration",
    "System",
  ];
  expect(at.filter((name) => wanted.includes(name))).toEqual(wanted);
  await page.keyboard.press("ArrowDown");
  expect(await focused()).toBe("Light");
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("light");
});
