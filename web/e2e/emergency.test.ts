// An emergency's other ways: replying sets it aside for as long as one replies, and never ends it.

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

async function alarmed(userId: string, text: string) {
  const screen = await Screen.open(server);
  screens.push(screen);
  await screen.signIn(userId);
  const sent = await server.send([userId], text, 1);
  const dialog = screen.page.getByRole("alertdialog");
  await dialog.filter({ hasText: text }).waitFor();
  return { screen, sent, dialog, reply: dialog.getByRole("button", { name: "Reply" }) };
}

test("a reply to an emergency opens its conversation, and the emergency comes back when it was sent", async () => {
  const { screen, sent, dialog, reply } = await alarmed("alice", "Stay clear of tower 31");
  const size = await reply.boundingBox();
  expect(size?.height).toBeGreaterThanOrEqual(120);
  await reply.click();
  await dialog.waitFor({ state: "detached" });
  await screen.page.getByText("An emergency is not acknowledged").waitFor();
  await screen.page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Message");
  await screen.button("Cancel reply").waitFor();
  await screen.write("Which side?");
  await dialog.filter({ hasText: "Stay clear of tower 31" }).waitFor();
  await expect.poll(() => server.texts("alice", sent.chatId)).toEqual(["Stay clear of tower 31", "Which side?"]);
  expect((await server.state(sent.messageId)).recipients[0]?.state).toBe("read");
  await screen.button("Acknowledge").click();
  await server.told("message.acknowledged", sent.messageId, "alice");
  await dialog.waitFor({ state: "detached" });
  expect((await newest("alice", sent.chatId)).replyTo).toBe(sent.messageId);
});

test("an emergency that was set aside comes back to who leaves the conversation, by button and by history", async () => {
  const { screen, sent, dialog, reply } = await alarmed("bob", "Line 4 is live");
  await reply.click();
  await dialog.waitFor({ state: "detached" });
  await screen.button("Back to chats").click();
  await dialog.waitFor();
  await reply.click();
  await dialog.waitFor({ state: "detached" });
  await screen.page.goBack();
  await dialog.waitFor();
  await reply.click();
  await screen.button("Back to the emergency").click();
  await dialog.waitFor();
  expect((await server.state(sent.messageId)).recipients[0]?.state).toBe("read");
  await screen.button("Acknowledge").click();
  await server.told("message.acknowledged", sent.messageId, "bob");
});

test("another emergency brings back those that were set aside, the oldest first, and keeps what was being written", async () => {
  const { screen, dialog, reply } = await alarmed("carol", "The first one");
  await reply.click();
  await dialog.waitFor({ state: "detached" });
  await screen.page.getByRole("textbox", { name: "Message" }).fill("half a sen");
  await server.send(["carol"], "The second one", 1);
  await dialog.filter({ hasText: "The first one" }).getByText("1 of 2").waitFor();
  await screen.button("Acknowledge").click();
  await dialog.filter({ hasText: "The second one" }).waitFor();
  await screen.button("Acknowledge").click();
  await dialog.waitFor({ state: "detached" });
  expect(await screen.page.getByRole("textbox", { name: "Message" }).inputValue()).toBe("half a sen");
});

async function newest(who: string, chatId: string): Promise<{ messageId: string; replyTo?: string }> {
  const path = `/api/v1/chats/${chatId}/messages?limit=1`;
  const page = await server.call<{ messages: { messageId: string; replyTo?: string }[] }>(who, "GET", path);
  if (page.messages[0] === undefined) throw new Error("the chat is empty");
  return page.messages[0];
}
