// Every screen and state from right to left, and with text of 200 %, on the narrowest phone and at the desk: nothing is cut
// off, nothing lies over something else.

import { describe, expect, test } from "vitest";
import { draw, furnished } from "./furnished.ts";
import { layoutFaults } from "./layout.ts";
import { DESK, Screen } from "./screen.ts";

const NARROW = { width: 320, height: 640 };
const looks = [
  { name: "narrow-large", size: NARROW, dir: "ltr", text: "200%" },
  { name: "narrow-rtl", size: NARROW, dir: "rtl", text: "100%" },
  { name: "narrow-rtl-large", size: NARROW, dir: "rtl", text: "200%" },
  { name: "desk-large", size: DESK, dir: "ltr", text: "200%" },
  { name: "desk-rtl", size: DESK, dir: "rtl", text: "100%" },
  { name: "desk-rtl-large", size: DESK, dir: "rtl", text: "200%" },
] as const;
/** Those of which a picture says more than the others do. */
const DRAWN = ["chats", "conversation", "emergency"];

describe.each(looks)("$name", ({ name: look, size, dir, text }) => {
  test("nothing is cut off, and nothing lies over something else", async () => {
    const { server, chatId } = await furnished();
    const screen = await Screen.open(server, { size });
    const { page } = screen;
    await screen.placeAt(51.5, -0.125);
    // The page says its own direction when it starts; this is after it.
    await page.addInitScript(
      ({ dir, text }) => {
        addEventListener("DOMContentLoaded", () => {
          document.documentElement.dir = dir;
          document.documentElement.style.fontSize = text;
        });
      },
      { dir, text },
    );
    const holds = async (name: string) => {
      expect(await page.evaluate(() => document.documentElement.dir)).toBe(dir);
      expect.soft(await layoutFaults(screen), `${name} ${look}`).toEqual([]);
      if (DRAWN.includes(name) && dir === "rtl") await draw(screen, `${name}-${look}`);
    };
    try {
      await page.goto("/");
      await screen.button("Sign in").waitFor();
      await holds("sign-in");
      await screen.signIn("alice");
      await page.getByRole("status").filter({ hasText: "IMPORTANT" }).waitFor();
      await screen
        .chat(/Carol Clark/)
        .first()
        .waitFor();
      await holds("chats");
      await screen.button("New chat").click();
      await page.getByRole("checkbox", { name: /Bob Brown/ }).check();
      await holds("new-chat");
      await page.goto(`/chats/${chatId}`);
      await screen.message("Earths on, north and south of 212.").waitFor();
      await screen.inContact();
      await holds("conversation");
      const asked = await screen.upTo("Two spans down on Mill Lane at pole 212. Road is closed.");
      await asked.getByRole("button", { name: /^2: / }).click();
      await screen.button("Reply to Bob Brown").first().click();
      await holds("receipts");
      await server.say("carol", ["alice"], "Coffee at ten");
      await page.getByRole("status").filter({ hasText: "Coffee at ten" }).waitFor();
      await holds("toast");
      await screen.context.setOffline(true);
      await screen.noContact.waitFor();
      await screen.write("Earth lead at 212 is damaged, we do not use it.");
      await screen.message("Earth lead at 212 is damaged, we do not use it.").getByText("Waiting").waitFor();
      await holds("no-contact");
      await screen.context.setOffline(false);
      await screen.inContact();
      const long = "132 kV line Harwood–Ashby is ENERGISED. All crews stay clear of towers 31 to 44. Do not climb.";
      await server.send(["alice"], long, 1);
      await server.send(["alice"], "Second", 1);
      await page.getByRole("alertdialog").getByText("1 of 2").waitFor();
      await page.keyboard.press("Escape");
      await page.getByText("An emergency stays").waitFor();
      await holds("emergency");
      await screen.button("Acknowledge").click();
      await page.getByText("1 of 2").waitFor({ state: "detached" });
      await screen.button("Acknowledge").click();
      await page.getByRole("alertdialog").waitFor({ state: "detached" });
      await page.goto("/#sos");
      await screen.button(/^Send now/).waitFor();
      await page.getByText("51.50000, -0.12500").waitFor();
      await holds("sos");
      await screen.button(/^Send now/).click();
      await page.getByRole("heading", { name: /^SOS goes out/ }).waitFor();
      await holds("sos-window");
      await page.getByRole("heading", { name: "SOS sent" }).waitFor();
      await holds("sos-sent");
      if (size === NARROW) await screen.button("Back to chats").click();
      await screen.button("Sign out").click();
      await page.getByRole("dialog").waitFor();
      await holds("sign-out");
      expect(screen.faults).toEqual([]);
    } finally {
      await screen.close();
      await server.remove();
    }
  });
});
