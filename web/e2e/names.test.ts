// Names and messages that are hard to show, or mean harm: they are text, wherever they stand.

import { afterAll, beforeAll, expect, test } from "vitest";
import { PHONE, Screen } from "./screen.ts";
import { Server } from "./server.ts";

const MARKUP = `<img src=x onerror="document.title='harm'"><b>Bold</b>`;
const TURNED = "\u202Eretsiger <script>document.title='harm'</script>";
const EMOJI = "🚧".repeat(255);

let server: Server;
beforeAll(async () => {
  server = await Server.start({ people: { alice: "Alice Adams", mark: MARKUP, turn: TURNED, moji: EMOJI } });
});
afterAll(() => server.remove());

async function holds(screen: Screen, where: string): Promise<void> {
  const found = await screen.page.evaluate(() => ({
    elements: document.body.querySelectorAll("img, #app script, b b").length,
    title: document.title.includes("harm") && !document.title.includes("<"),
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  }));
  expect.soft(found, where).toEqual({ elements: 0, title: false, wide: 0 });
}

/** Whether what follows a name stands behind it: a name that turns its direction turns nothing else. */
function standsBehind(screen: Screen, quote: string): Promise<boolean> {
  return screen.page
    .locator(quote)
    .first()
    .evaluate((element) => {
      const name = element.querySelector(".apart");
      const words = element.querySelectorAll(".apart")[1];
      if (!name || !words) throw new Error("no name, or no words");
      return words.getBoundingClientRect().left >= name.getBoundingClientRect().right - 1;
    });
}

test("names and messages of markup, of script, turned around, or of emoji are text on every screen", async () => {
  const { chatId } = await server.say("turn", ["alice", "mark", "moji"], "Turned around");
  await server.say("mark", ["alice"], MARKUP, 3);
  await server.say("moji", ["alice"], "🚧".repeat(4000));
  const screen = await Screen.open(server, { size: PHONE });
  const { page } = screen;
  try {
    await screen.signIn("alice");
    await page.getByRole("status").filter({ hasText: "IMPORTANT" }).getByText(MARKUP).first().waitFor();
    await screen
      .chat(/1 unread$/)
      .filter({ hasText: "Turned around" })
      .waitFor();
    await holds(screen, "chats");
    expect.soft(await standsBehind(screen, ".chats li:has-text('Turned around') .last .cut")).toBe(true);
    await server.say("turn", ["alice"], "passes by");
    await page.getByRole("status").filter({ hasText: "passes by" }).waitFor();
    await holds(screen, "toast");
    await screen.button("New chat").click();
    for (const name of [MARKUP, EMOJI]) {
      await page.getByRole("checkbox", { name }).check();
      await screen.button(`Remove ${name}`).waitFor();
    }
    await holds(screen, "new chat");
    await page.goto(`/chats/${chatId}`);
    await screen
      .message("Turned around")
      .getByRole("button", { name: /^Reply to / })
      .click();
    await screen.write("In answer");
    await screen.message("In answer").getByRole("button", { name: /^3: / }).click();
    await screen.message("In answer").getByText(EMOJI).waitFor();
    await screen.log.getByText(TURNED, { exact: true }).first().waitFor();
    await holds(screen, "conversation");
    expect.soft(await standsBehind(screen, "article.own .quote")).toBe(true);
    await server.say("turn", ["alice"], `${MARKUP}${TURNED}`, 1);
    const dialog = page.getByRole("alertdialog");
    await dialog.getByText(`${MARKUP}${TURNED}`, { exact: true }).waitFor();
    await dialog.getByText(TURNED, { exact: true }).waitFor();
    await holds(screen, "emergency");
    await screen.button("Acknowledge").click();
    await dialog.waitFor({ state: "detached" });
    expect(screen.faults).toEqual([]);
  } finally {
    await screen.close();
  }
});
