// Over https, with an authority of one's own, as a closed network has it.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Screen } from "./screen.ts";
import { Server } from "./server.ts";

let server: Server;
const screens: Screen[] = [];

beforeAll(async () => {
  server = await Server.start({ isSecure: true });
});
afterAll(() => server.remove());
afterEach(async () => {
  const faults = screens.flatMap((screen) => screen.faults);
  for (const screen of screens.splice(0)) await screen.close();
  expect(faults).toEqual([]);
});

test("over https with a private authority one signs in, sends, receives, acknowledges, and opens the app without contact", async () => {
  const alice = await Screen.open(server);
  screens.push(alice);
  const { chatId } = await server.say("bob", ["alice"], "Over a private line");
  await alice.signIn("alice", `/chats/${chatId}`);
  expect(new URL(alice.page.url()).protocol).toBe("https:");
  expect(await alice.page.evaluate(() => isSecureContext)).toBe(true);
  await alice.message("Over a private line").waitFor();
  const cookies = await alice.context.cookies();
  expect(cookies.map(({ name, secure, httpOnly, sameSite }) => ({ name, secure, httpOnly, sameSite }))).toEqual([
    { name: "__Host-crewline_session", secure: true, httpOnly: true, sameSite: expect.stringMatching(/Lax|Strict/) },
  ]);
  await alice.write("And back");
  await alice.message("And back").getByText("At server").waitFor();
  expect(await server.texts("bob", chatId)).toEqual(["Over a private line", "And back"]);
  const emergency = await server.send(["alice"], "Stand clear of tower 31", 1);
  await alice.page.getByRole("alertdialog").waitFor();
  await alice.button("Acknowledge").click();
  await server.told("message.acknowledged", emergency.messageId, "alice");
  // The service worker has the files: without contact the app opens, and shows what the device has.
  await alice.page.evaluate(async () => void (await navigator.serviceWorker.ready));
  await server.kill();
  await alice.page.goto(`/chats/${chatId}`);
  await alice.message("And back").waitFor();
  await alice.noContact.waitFor();
  await alice.write("Kept meanwhile");
  await alice.message("Kept meanwhile").getByText("Waiting").waitFor();
  await server.up();
  await alice.message("Kept meanwhile").getByText("At server").waitFor();
});
