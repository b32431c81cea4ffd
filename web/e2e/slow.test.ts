// A link that is narrow, far and lossy: what is written goes out, once and in order, and nothing is claimed before it is so.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { drawn, Link } from "./link.ts";
import { Screen } from "./screen.ts";
import { Server } from "./server.ts";

/** As bad as a link may be for its kind, but quicker. */
const BAD = { bitsPerSecond: 60_000, roundTripMs: 200, loss: 0.2, retryMs: 250 };

let server: Server;
let link: Link;
const screens: Screen[] = [];

beforeAll(async () => {
  server = await Server.start();
  link = await Link.to(server.url, drawn(7));
});
afterAll(async () => {
  await link.close();
  await server.remove();
});
afterEach(async () => {
  link.shape = undefined;
  const faults = screens.flatMap((screen) => screen.faults);
  for (const screen of screens.splice(0)) await screen.close();
  expect(faults).toEqual([]);
});

async function signedIn(chatId: string): Promise<Screen> {
  const screen = await Screen.open(link);
  screens.push(screen);
  await screen.signIn("alice", `/chats/${chatId}`);
  return screen;
}

test("on a narrow, far and lossy link what is written goes out once and in order, and waits until the server has it", async () => {
  const { chatId } = await server.say("bob", ["alice"], "Tell me what you see");
  const alice = await signedIn(chatId);
  await alice.message("Tell me what you see").waitFor();
  const emergency = await server.send(["alice"], "Stand clear of tower 31", 1);
  await alice.button("Acknowledge").waitFor();
  link.shape = BAD;
  link.cut();
  await alice.button("Acknowledge").click();
  await alice.page.getByRole("alertdialog").waitFor({ state: "detached" });
  const texts = ["one", "two", "three", "four", "five"];
  for (const text of texts) await alice.write(text);
  // Nothing can be at the server yet: it is farther away than that. Each says that it waits, and is there once.
  for (const text of texts) await alice.message(text).waitFor();
  expect(await alice.log.getByText("Waiting", { exact: true }).count()).toBeGreaterThan(0);
  for (const text of texts) {
    await alice.message(text).getByText("At server").waitFor();
    // What the app claims is so: the server has each that it says to be there.
    const claimed = await alice.log
      .getByRole("article")
      .filter({ hasText: "At server" })
      .locator(".words")
      .allTextContents();
    expect(await server.texts("alice", chatId)).toEqual(expect.arrayContaining(claimed));
    // And in the midst of it everything that is under way is lost.
    if (text === "two") link.cut();
  }
  expect(await server.texts("alice", chatId)).toEqual(["Tell me what you see", ...texts]);
  await server.told("message.acknowledged", emergency.messageId, "alice");
  expect(await alice.log.getByText("Waiting", { exact: true }).count()).toBe(0);
  expect(await alice.log.getByRole("article").count()).toBe(1 + texts.length);
});

test("a message whose answer is lost with its connection is sent again with its key, and stands there once", async () => {
  const { chatId } = await server.say("carol", ["alice"], "Answer me");
  const alice = await signedIn(chatId);
  // Acts go out in order: once this one is answered, the read mark before it is too, and does not wait for an answer any more.
  await alice.write("I am here");
  await alice.message("I am here").getByText("At server").waitFor();
  link.isDeaf = true;
  await alice.write("said once");
  await expect.poll(() => server.texts("alice", chatId), { timeout: 20_000 }).toContain("said once");
  await alice.message("said once").getByText("Waiting").waitFor();
  link.cut();
  link.isDeaf = false;
  await alice.message("said once").getByText("At server").waitFor();
  expect(await server.texts("alice", chatId)).toEqual(["Answer me", "I am here", "said once"]);
  expect(await alice.message("said once").count()).toBe(1);
});
