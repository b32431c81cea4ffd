// Where the original failed its users: three of its faults, each a test. And texts that are hard to show.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
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

async function opened(): Promise<Screen> {
  const screen = await Screen.open(server);
  screens.push(screen);
  return screen;
}

test("better 9: an alert that fails does not stop the others, and what was stored alerts after a restart too", async () => {
  const alice = await opened();
  await alice.page.addInitScript(() => {
    const refuse = () => {
      throw new Error("this device makes no sound");
    };
    Object.defineProperty(window, "AudioContext", { value: refuse });
    Object.defineProperty(Navigator.prototype, "vibrate", { value: refuse });
  });
  await alice.signIn("alice");
  await server.say("carol", ["alice"], "Passes by");
  await alice.page.getByRole("status").filter({ hasText: "Passes by" }).waitFor();
  await server.say("carol", ["alice"], "Stays", 3);
  await alice.page.getByRole("status").filter({ hasText: "Stays" }).waitFor();
  const sent = await server.send(["alice"], "Leave the tower", 1);
  const dialog = alice.page.getByRole("alertdialog").filter({ hasText: "Leave the tower" });
  await dialog.waitFor();
  await alice.page.reload();
  await dialog.waitFor();
  await alice.page.getByText("Stays").first().waitFor();
  await alice.button("Acknowledge").click();
  await server.told("message.acknowledged", sent.messageId, "alice");
});

test("better 12: the very first message of a chat shows as unread to those it was sent to", async () => {
  const [bob, carol] = [await opened(), await opened()];
  await bob.signIn("bob");
  await carol.signIn("carol");
  await server.send(["bob", "carol"], "The first of this chat", 2, "Dispatch");
  for (const screen of [bob, carol]) {
    await screen
      .chat(/1 unread$/)
      .filter({ hasText: "The first of this chat" })
      .waitFor();
  }
});

test("better 14: reading is told to the sender, and to the reader's other devices, where the alert goes away", async () => {
  const [phone, tablet] = [await opened(), await opened()];
  for (const screen of [phone, tablet]) await screen.signIn("bob");
  const sent = await server.say("alice", ["bob"], "Read me once", 3);
  const banner = tablet.page.getByRole("status").filter({ hasText: "Read me once" });
  await banner.getByRole("button", { name: "Close" }).waitFor();
  await phone
    .chat(/Alice Adams/)
    .filter({ hasText: "Read me once" })
    .getByRole("link")
    .click();
  await server.told("message.read", sent.messageId, "bob", "alice");
  await banner.getByRole("button", { name: "Close" }).waitFor({ state: "detached" });
});

test("a message of 4,000 emoji is sent and shown whole, and one more is refused with the count", async () => {
  const { chatId } = await server.say("bob", ["carol"], "Send me all of them");
  const carol = await opened();
  await carol.signIn("carol", `/chats/${chatId}`);
  await carol.message("Send me all of them").waitFor();
  await carol.write("🚧".repeat(4001));
  await carol.page.getByRole("alert").filter({ hasText: "has 4001 characters" }).waitFor();
  await carol.write("🚧".repeat(4000));
  await carol.message("🚧".repeat(4000)).getByText("At server").waitFor();
  expect((await server.texts("carol", chatId)).at(-1)).toBe("🚧".repeat(4000));
});
