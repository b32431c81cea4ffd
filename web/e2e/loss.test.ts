// Contact that goes and comes, a server that is killed, a browser that is killed, sessions that end, several tabs.

import { afterEach, beforeEach, expect, test } from "vitest";
import type { Look } from "./screen.ts";
import { Screen } from "./screen.ts";
import { Server } from "./server.ts";

let server: Server;
const screens: Screen[] = [];

// One for each test: what one leaves behind when it fails, a server that is down or an emergency, is no other's.
beforeEach(async () => {
  server = await Server.start();
});
afterEach(async () => {
  const faults = screens.flatMap((screen) => screen.faults);
  for (const screen of screens.splice(0)) await screen.close();
  await server.remove();
  expect(faults).toEqual([]);
});

async function opened(look: Look = {}): Promise<Screen> {
  const screen = await Screen.open(server, look);
  screens.push(screen);
  return screen;
}

async function signedIn(userId: string, path = "/"): Promise<Screen> {
  const screen = await opened();
  await screen.signIn(userId, path);
  return screen;
}

/** Until the service worker has what the app needs to open without contact. */
async function installed(screen: Screen): Promise<void> {
  await screen.page.evaluate(async () => void (await navigator.serviceWorker.ready));
}

test("what is done without contact waits, survives a restart of the browser, and goes out in order and once", async () => {
  const sent = await server.say("bob", ["alice"], "Where are you?");
  const emergency = await server.send(["alice"], "Stand clear of tower 31", 1);
  const alice = await signedIn("alice", `/chats/${sent.chatId}`);
  const dialog = alice.page.getByRole("alertdialog");
  await dialog.waitFor();
  await installed(alice);
  await alice.context.setOffline(true);
  await dialog.getByText("No contact").waitFor();
  await alice.button("Acknowledge").click();
  await dialog.waitFor({ state: "detached" });
  await alice.noContact.waitFor();
  for (const text of ["first", "second", "third"]) await alice.write(text);
  await alice.message("third").getByText("Waiting").waitFor();
  // The read marks may have been answered before the contact was lost: both of them, one, or none.
  await alice.noContact
    .filter({
      hasText: /3 messages(, 1 acknowledgement and (1 read mark|2 read marks)| and 1 acknowledgement) wait here/,
    })
    .waitFor();
  // The browser is closed and opened again, still without contact.
  await alice.context.close();
  await server.kill();
  screens.splice(screens.indexOf(alice), 1);
  const again = await opened({ folder: alice.folder });
  await again.page.goto(`/chats/${sent.chatId}`);
  await again.message("Where are you?").waitFor();
  await again.noContact.waitFor();
  for (const text of ["first", "second", "third"]) await again.message(text).getByText("Waiting").waitFor();
  expect(await again.page.getByRole("alertdialog").count()).toBe(0);
  await server.up();
  await again.message("third").getByText("At server").waitFor();
  await again.noContact.waitFor({ state: "detached" });
  expect(await server.texts("alice", sent.chatId)).toEqual(["Where are you?", "first", "second", "third"]);
  expect((await server.state(emergency.messageId)).recipients[0]?.state).toBe("acknowledged");
  expect(await again.log.getByRole("article").count()).toBe(4);
});

test("offline and back: what was written goes out, and what came meanwhile appears", async () => {
  const sent = await server.say("carol", ["bob"], "Before");
  const bob = await signedIn("bob", `/chats/${sent.chatId}`);
  await bob.message("Before").waitFor();
  await bob.context.setOffline(true);
  await bob.noContact.waitFor();
  await bob.write("From the tunnel");
  await bob.message("From the tunnel").getByText("Waiting").waitFor();
  await server.say("carol", ["bob"], "Meanwhile");
  await bob.context.setOffline(false);
  await bob.message("From the tunnel").getByText("At server").waitFor();
  await bob.message("Meanwhile").waitFor();
  await bob.noContact.waitFor({ state: "detached" });
  expect(
    await bob.log
      .getByRole("article")
      .allTextContents()
      .then((all) => all.length),
  ).toBe(3);
});

test("a server that is killed and started again costs time, and no message", async () => {
  const sent = await server.say("carol", ["alice"], "One");
  const alice = await signedIn("alice", `/chats/${sent.chatId}`);
  await alice.message("One").waitFor();
  await server.kill();
  await alice.noContact.waitFor();
  await alice.write("While it is away");
  await alice.message("While it is away").getByText("Waiting").waitFor();
  await server.up();
  await alice.message("While it is away").getByText("At server").waitFor();
  await alice.noContact.waitFor({ state: "detached" });
  expect(await server.texts("alice", sent.chatId)).toEqual(["One", "While it is away"]);
});

test("a session that is revoked asks to sign in, and what waited goes out then", async () => {
  const sent = await server.say("carol", ["alice"], "Two");
  const alice = await signedIn("alice", `/chats/${sent.chatId}`);
  await alice.message("Two").waitFor();
  await alice.context.setOffline(true);
  await alice.write("written before it was known");
  await alice.message("written before it was known").getByText("Waiting").waitFor();
  server.signOutUser("alice");
  await alice.context.setOffline(false);
  await alice.page.getByRole("textbox", { name: "Password" }).waitFor();
  await alice.page.getByText("You were signed out on this device").waitFor();
  await alice.signIn("alice", `/chats/${sent.chatId}`);
  await alice.message("written before it was known").getByText("At server").waitFor();
});

test("two tabs of one person show the same, and what one writes is sent once, whichever of them is closed", async () => {
  const sent = await server.say("bob", ["carol"], "Three");
  const carol = await signedIn("carol", `/chats/${sent.chatId}`);
  await carol.message("Three").waitFor();
  const other = await carol.context.newPage();
  await other.goto(`/chats/${sent.chatId}`);
  await other.getByRole("textbox", { name: "Message" }).fill("from the second tab");
  await other.getByRole("button", { name: "Send" }).click();
  await carol.message("from the second tab").getByText("At server").waitFor();
  await carol.page.close();
  await other.getByRole("textbox", { name: "Message" }).fill("after the first was closed");
  await other.getByRole("button", { name: "Send" }).click();
  await other.getByRole("article").filter({ hasText: "after the first was closed" }).getByText("At server").waitFor();
  expect((await server.texts("carol", sent.chatId)).slice(-3)).toEqual([
    "Three",
    "from the second tab",
    "after the first was closed",
  ]);
});

test("a device whose clock is an hour wrong sends, is told and reads like any other", async () => {
  const sent = await server.say("bob", ["alice"], "Four");
  const alice = await opened();
  await alice.page.clock.install({ time: Date.now() - 3_600_000 });
  await alice.signIn("alice", `/chats/${sent.chatId}`);
  await alice.message("Four").waitFor();
  await server.told("message.read", sent.messageId, "alice", "bob");
  await alice.write("Five");
  await alice.message("Five").getByText("At server").waitFor();
  const texts = await server.texts("alice", sent.chatId);
  expect(texts.slice(-2)).toEqual(["Four", "Five"]);
});

test("a chat made without contact opens at once, and what was written into it goes out in the server's chat", async () => {
  const alice = await signedIn("alice");
  await installed(alice);
  await alice.context.setOffline(true);
  await alice.noContact.waitFor();
  await alice.button("New chat").click();
  for (const name of [/Bob Brown/, /Carol Clark/]) await alice.page.getByRole("checkbox", { name }).check();
  await alice.button("Start chat with 2").click();
  await alice.page.getByText("This chat is on this device alone").waitFor();
  await alice.write("Who is at pole 9?");
  await alice.message("Who is at pole 9?").getByText("Waiting").waitFor();
  await alice.noContact.filter({ hasText: "1 new chat and 1 message wait here" }).waitFor();
  await alice.page.reload();
  await alice.message("Who is at pole 9?").getByText("Waiting").waitFor();
  await alice.page.getByRole("textbox", { name: "Message" }).fill("half written");
  const began = new URL(alice.page.url()).pathname;
  await alice.context.setOffline(false);
  await alice.message("Who is at pole 9?").getByText("At server").waitFor();
  // The address is the server's now, and what was being written is still there.
  await alice.page.waitForURL((url) => url.pathname !== began);
  expect(await alice.page.getByRole("textbox", { name: "Message" }).inputValue()).toBe("half written");
  const chatId = decodeURIComponent(new URL(alice.page.url()).pathname.replace("/chats/", ""));
  expect(await server.texts("bob", chatId)).toEqual(["Who is at pole 9?"]);
  await alice.page.getByText("This chat is on this device alone").waitFor({ state: "detached" });
  await alice.page.goto(began);
  await alice.message("Who is at pole 9?").getByText("At server").waitFor();
  await alice.page.waitForURL((url) => url.pathname === `/chats/${chatId}`);
});

test("a chat that the server does not make says why, and takes what was written into it with it when it is discarded", async () => {
  await server.say("bob", ["alice"], "Good morning");
  const alice = await signedIn("alice");
  await alice.chat(/^Bob Brown/).waitFor();
  // Somebody whom this device has in its list, and the server knows no more.
  await alice.page.evaluate(async () => {
    const request = indexedDB.open("crewline");
    const idb = await new Promise<IDBDatabase>((resolve) => {
      request.onsuccess = () => resolve(request.result);
    });
    const tx = idb.transaction("people", "readwrite");
    tx.objectStore("people").put({ userId: "zoe", name: "Zoe Gone", kind: "user" });
    await new Promise((resolve) => {
      tx.oncomplete = resolve;
    });
    idb.close();
  });
  await alice.page.reload();
  await alice.inContact();
  await alice.context.setOffline(true);
  await alice.noContact.waitFor();
  await alice.button("New chat").click();
  await alice.page.getByRole("checkbox", { name: /Zoe Gone/ }).check();
  await alice.button("Start chat with 1").click();
  await alice.write("Are you there?");
  await alice.message("Are you there?").getByText("Waiting").waitFor();
  await alice.context.setOffline(false);
  await alice.page.getByRole("status").filter({ hasText: "The server does not make this chat" }).waitFor();
  await alice.message("Are you there?").getByText("Not sent").waitFor();
  await alice.button("Discard chat").click();
  await alice.page.getByRole("heading", { name: "Chats", exact: true }).waitFor();
  await alice.chat(/Zoe Gone/).waitFor({ state: "detached" });
});

test("a browser that is killed with messages, read marks and an acknowledgement waiting sends them all, in order and once", async () => {
  const sent = await server.say("bob", ["carol"], "Are you there?");
  const emergency = await server.send(["carol"], "Leave the pit", 1);
  // A browser writes its cookies half a minute later: whoever is to be signed in after a kill has closed it once.
  const first = await signedIn("carol");
  await installed(first);
  // Names come behind the messages: without contact one finds a chat by the names that came before.
  await first.chat(/^Bob Brown/).waitFor({ state: "attached" });
  await first.context.close();
  screens.splice(screens.indexOf(first), 1);
  const carol = await opened({ folder: first.folder });
  await carol.page.goto("/");
  const dialog = carol.page.getByRole("alertdialog").filter({ hasText: "Leave the pit" });
  await dialog.waitFor();
  await server.told("message.read", emergency.messageId, "carol");
  await carol.context.setOffline(true);
  await dialog.getByText("No contact").waitFor();
  await carol.button("Acknowledge").click();
  await dialog.waitFor({ state: "detached" });
  await carol
    .chat(/^Bob Brown, 1 unread/)
    .getByRole("link")
    .click();
  await carol.message("Are you there?").waitFor();
  await carol.noContact.filter({ hasText: /1 acknowledgement and (1 read mark|2 read marks) wait here/ }).waitFor();
  for (const text of ["uno", "due", "tre"]) await carol.write(text);
  await carol.noContact
    .filter({ hasText: /3 messages, 1 acknowledgement and (1 read mark|2 read marks) wait here/ })
    .waitFor();
  await server.kill();
  await carol.kill();
  screens.splice(screens.indexOf(carol), 1);
  const again = await opened({ folder: carol.folder });
  await again.page.goto(`/chats/${sent.chatId}`);
  await again.noContact
    .filter({ hasText: /3 messages, 1 acknowledgement and (1 read mark|2 read marks) wait here/ })
    .waitFor();
  for (const text of ["uno", "due", "tre"]) await again.message(text).getByText("Waiting").waitFor();
  expect(await again.page.getByRole("alertdialog").count()).toBe(0);
  await server.up();
  for (const text of ["uno", "due", "tre"]) await again.message(text).getByText("At server").waitFor();
  await again.noContact.waitFor({ state: "detached" });
  expect((await server.texts("carol", sent.chatId)).slice(-4)).toEqual(["Are you there?", "uno", "due", "tre"]);
  await server.told("message.acknowledged", emergency.messageId, "carol");
  await server.told("message.read", sent.messageId, "carol", "bob");
});
