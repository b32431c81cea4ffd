// Every screen and state, looked at by axe-core at phone and desk widths, light, dark and with more contrast; and where
// PICTURES names a folder, drawn into it.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { draw, furnished } from "./furnished.ts";
import { Pushes, PushServer, subscribable } from "./push.ts";
import type { Look } from "./screen.ts";
import { DESK, PHONE, Screen } from "./screen.ts";
import type { Server } from "./server.ts";

/** When a push reached the device that is looked at. */
const AT = "2026-11-23T06:04:00Z";

const looks: [string, Look][] = [
  ["phone-light", { size: PHONE, scheme: "light" }],
  ["phone-dark", { size: PHONE, scheme: "dark" }],
  ["desk-light", { size: DESK, scheme: "light" }],
  ["desk-dark", { size: DESK, scheme: "dark" }],
  ["phone-contrast", { size: PHONE, scheme: "light", contrast: "more" }],
];

describe.each(looks)("%s", (look, options) => {
  let server: Server;
  let chatId = "";
  beforeAll(async () => {
    ({ server, chatId } = await furnished());
  });
  afterAll(() => server.remove());

  async function look_at(screen: Screen, name: string): Promise<void> {
    expect.soft(await screen.axe(), `${name} ${look}`).toEqual([]);
    const wide = await screen.page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect.soft(wide, `${name} ${look} is wider than its window`).toBe(0);
    await draw(screen, `${name}-${look}`);
  }

  test("every screen and state is without a fault that axe-core finds", async () => {
    const screen = await Screen.open(server, options);
    const { page } = screen;
    const push = new PushServer();
    await push.answer(screen.context);
    await subscribable(screen.context);
    const pushes = await Pushes.of(screen, server);
    push.now = () => AT;
    push.onTest = () => pushes.test("nonce-1");
    try {
      await page.goto("/");
      await screen.button("Sign in").waitFor();
      await look_at(screen, "sign-in");
      await screen.signIn("alice");
      await screen
        .chat(/Carol Clark/)
        .first()
        .waitFor();
      await page.getByRole("status").filter({ hasText: "IMPORTANT" }).waitFor();
      await look_at(screen, "chats");
      await screen.button("Setup").click();
      await screen.button("Switch on and test").click();
      await page.getByRole("listitem", { name: "Wakes when closed" }).getByText("A test reached this device").waitFor();
      await page.getByRole("listitem", { name: "Clock" }).waitFor();
      await look_at(screen, "setup");
      await page.goto("/");
      await screen.inContact();
      await screen.button("New chat").click();
      await page.getByRole("checkbox", { name: /Bob Brown/ }).check();
      await look_at(screen, "new-chat");
      await page.goto(`/chats/${chatId}`);
      await screen.message("Earths on, north and south of 212.").waitFor();
      await screen.inContact();
      await look_at(screen, "conversation");
      await screen
        .message("Two spans down on Mill Lane at pole 212. Road is closed.")
        .getByRole("button", { name: /^2: / })
        .click();
      await screen.button("Reply to Bob Brown").first().click();
      await look_at(screen, "receipts");
      await server.say("carol", ["alice"], "Coffee at ten");
      await page.getByRole("status").filter({ hasText: "Coffee at ten" }).waitFor();
      await look_at(screen, "toast");
      await screen.context.setOffline(true);
      await screen.noContact.waitFor();
      await screen.write("Earth lead at 212 is damaged, we do not use it.");
      await screen.message("Earth lead at 212 is damaged, we do not use it.").last().getByText("Waiting").waitFor();
      await look_at(screen, "no-contact");
      await screen.context.setOffline(false);
      await screen.inContact();
      await server.send(
        ["alice"],
        "132 kV line Harwood–Ashby is ENERGISED. All crews stay clear of towers 31 to 44. Do not climb.",
        1,
      );
      await server.send(["alice"], "Second", 1);
      await page.getByRole("alertdialog").getByText("1 of 2").waitFor();
      await look_at(screen, "emergency");
      await page.getByRole("alertdialog").getByRole("button", { name: "Reply" }).click();
      await page.getByRole("alertdialog").waitFor({ state: "detached" });
      await screen.button("Back to the emergency").waitFor();
      await look_at(screen, "set-aside");
      await screen.button("Back to the emergency").click();
      for (const left of ["1 of 2", ""]) {
        if (left !== "") await page.getByText(left).waitFor();
        await screen.button("Acknowledge").click();
        if (left !== "") await page.getByText(left).waitFor({ state: "detached" });
      }
      await page.getByRole("alertdialog").waitFor({ state: "detached" });
      await screen.placeAt(51.5, -0.125);
      await page.goto("/#sos");
      await screen.button(/^Send now/).waitFor();
      await page.getByText("51.50000, -0.12500").waitFor();
      await look_at(screen, "sos");
      await screen.button(/^Send now/).click();
      await page.getByRole("heading", { name: /^SOS goes out/ }).waitFor();
      await look_at(screen, "sos-window");
      await page.getByRole("heading", { name: "SOS sent" }).waitFor();
      await look_at(screen, "sos-sent");
      if (options.size === PHONE) await screen.button("Back to chats").click();
      await screen.button("Sign out").click();
      await look_at(screen, "sign-out");
      expect(screen.faults).toEqual([]);
    } finally {
      await screen.close();
    }
  }, 120_000);
});

let server: Server;
beforeAll(async () => {
  ({ server } = await furnished());
});
afterAll(() => server.remove());

test("at 320 pixels and with text of 200 % nothing is cut off, and the buttons stay on the screen", async () => {
  const screen = await Screen.open(server, { size: { width: 320, height: 640 } });
  const { page } = screen;
  const larger = () => page.evaluate(() => document.documentElement.style.setProperty("font-size", "200%"));
  const overflow = () =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await screen.signIn("bob");
  await larger();
  expect(await overflow()).toBe(0);
  await screen.button("Setup").click();
  await page.getByRole("listitem", { name: "Sound" }).waitFor();
  await screen.button("Play the sound").click();
  await screen.button("I heard nothing").waitFor();
  expect(await overflow()).toBe(0);
  await screen.button("Back to chats").click();
  await screen.chat(/./).first().getByRole("link").click();
  await screen.button("Send").waitFor();
  expect(await overflow()).toBe(0);
  await server.send(["bob"], "A long emergency. ".repeat(40), 1);
  await page.getByRole("alertdialog").waitFor();
  expect(await overflow()).toBe(0);
  const box = await screen.button("Acknowledge").boundingBox();
  expect(box && box.y + box.height <= 640 && box.height >= 120).toBe(true);
  await screen.close();
});

test("everything can be done by the keyboard: sign in, open a chat, write, acknowledge", async () => {
  const screen = await Screen.open(server, { size: DESK });
  const { page } = screen;
  const focused = () =>
    page.evaluate(() => {
      const at = document.activeElement;
      // The page itself holds every text: it is nothing that one came to.
      if (at === null || at === document.body) return "";
      return at.getAttribute("aria-label") ?? at.textContent?.trim() ?? "";
    });
  const tabTo = async (name: RegExp) => {
    for (let presses = 0; presses < 40; presses++) {
      await page.keyboard.press("Tab");
      if (name.test(await focused())) return;
    }
    throw new Error(`Tab never came to ${name}`);
  };
  await page.goto("/");
  await page.getByRole("textbox", { name: "User ID" }).focus();
  await page.keyboard.type("carol");
  await page.keyboard.press("Tab");
  await page.keyboard.type("correct horse battery staple");
  await page.keyboard.press("Enter");
  await screen.inContact();
  await screen.chat(/Alice Adams, Bob Brown/).waitFor();
  await tabTo(/Alice Adams, Bob Brown/);
  await page.keyboard.press("Enter");
  await page.getByRole("textbox", { name: "Message" }).waitFor();
  await page.waitForFunction(() => document.activeElement?.id === "chat-title");
  await tabTo(/^Message$/);
  await page.keyboard.type("By the keyboard");
  await page.keyboard.press("Enter");
  await screen.message("By the keyboard").waitFor();
  const sent = await server.send(["carol"], "Stand clear", 1);
  await page.getByRole("alertdialog").waitFor();
  await tabTo(/^Acknowledge$/);
  // What comes meanwhile changes the lists; the focus stays where the person put it.
  await server.told("message.read", sent.messageId, "carol");
  await server.say("alice", ["carol"], "While the emergency stands");
  await screen.chat(/^Alice Adams, 1 unread/).waitFor({ state: "attached" });
  await page.keyboard.press("Enter");
  await server.told("message.acknowledged", sent.messageId, "carol");
  await page.getByRole("alertdialog").waitFor({ state: "detached" });
  await screen.close();
});
