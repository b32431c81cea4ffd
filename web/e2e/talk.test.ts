// Two people, two browsers, the real server.

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

async function signedIn(userId: string, path = "/"): Promise<Screen> {
  const screen = await Screen.open(server);
  screens.push(screen);
  await screen.signIn(userId, path);
  return screen;
}

test("a message from the API appears at once, is delivered when it is stored and read when it is opened", async () => {
  const alice = await signedIn("alice");
  const sent = await server.send(["alice"], "Breaker 1204 has tripped");
  await server.told("message.delivered", sent.messageId, "alice");
  const item = alice.chat(/SCADA Control System|scada:north/);
  await item.filter({ hasText: "Breaker 1204 has tripped" }).waitFor();
  expect(await item.getAttribute("aria-label")).toContain("1 unread");
  expect((await server.state(sent.messageId)).recipients[0]?.state).toBe("delivered");
  await item.getByRole("link").click();
  await alice.message("Breaker 1204 has tripped").waitFor();
  await server.told("message.read", sent.messageId, "alice");
  expect(new URL(alice.page.url()).pathname).toBe(`/chats/${sent.chatId}`);
  await alice.log.getByText("New", { exact: true }).waitFor();
});

test("an own message goes from waiting to read, as it happens to it", async () => {
  const alice = await signedIn("alice");
  await alice.button("New chat").click();
  await alice.page.getByRole("searchbox").fill("bro");
  await alice.page.getByRole("checkbox", { name: /Bob Brown/ }).check();
  await alice.button("Start chat with 1").click();
  await alice.write("Are you at the mill?");
  await alice.message("Are you at the mill?").getByText("At server").waitFor();
  const bob = await signedIn("bob");
  await alice.message("Are you at the mill?").getByText("Delivered").waitFor();
  await bob
    .chat(/Alice Adams/)
    .getByRole("link")
    .click();
  await alice.message("Are you at the mill?").getByText("Read").waitFor();
  await bob.button("Understood").click();
  await alice.message("Understood").waitFor();
  await bob.message("Understood").getByText("Read").waitFor();
});

test("a chat with several people is found again by whoever starts it, and people are found by name and by id", async () => {
  const alice = await signedIn("alice");
  const start = async () => {
    await alice.button("New chat").click();
    for (const [words, name] of [
      ["bOb", "Bob Brown"],
      ["clark", "Carol Clark"],
    ] as const) {
      await alice.page.getByRole("searchbox").fill(words);
      await alice.page.getByRole("checkbox", { name }).check();
    }
    await alice.button("Start chat with 2").click();
    await alice.page.getByRole("heading", { name: "Bob Brown and 1 more" }).waitFor();
    return new URL(alice.page.url()).pathname;
  };
  const first = await start();
  await alice.write("To both of you");
  await alice.message("To both of you").getByText("At server").waitFor();
  await alice.button("Back to chats").click();
  await alice.chat("Bob Brown, Carol Clark").waitFor();
  expect(await start()).toBe(first);
});

test("an emergency takes the whole screen until it is acknowledged, and nothing else ends it", async () => {
  const alice = await signedIn("alice");
  const first = await server.send(["alice"], "Line is ENERGISED. Do not climb.", 1);
  const dialog = alice.page.getByRole("alertdialog");
  await dialog.filter({ hasText: "Line is ENERGISED" }).waitFor();
  await server.told("message.read", first.messageId, "alice");
  const second = await server.send(["alice"], "Second emergency", 1);
  await dialog.getByText("1 of 2").waitFor();
  for (const key of ["Enter", "Escape", "Escape", "Escape"]) await alice.page.keyboard.press(key);
  await dialog.getByText("An emergency stays until you press Acknowledge.").waitFor();
  expect(await dialog.getByText("Line is ENERGISED").isVisible()).toBe(true);
  expect((await server.state(first.messageId)).recipients[0]?.state).toBe("read");
  const size = await alice.button("Acknowledge").boundingBox();
  expect(size?.height).toBeGreaterThanOrEqual(120);
  await alice.button("Acknowledge").click();
  await server.told("message.acknowledged", first.messageId, "alice");
  await dialog.filter({ hasText: "Second emergency" }).waitFor();
  await alice.button("Acknowledge").click();
  await server.told("message.acknowledged", second.messageId, "alice");
  await dialog.waitFor({ state: "detached" });
});

test("what stays is there until it is closed or opened, what passes waits while one points at it", async () => {
  const alice = await signedIn("alice");
  await server.say("carol", ["alice"], "Permit 4471 is cancelled", 3);
  const banner = alice.page.getByRole("status").filter({ hasText: "Permit 4471 is cancelled" });
  await banner.waitFor();
  await alice.page.reload();
  await banner.waitFor();
  await banner.getByRole("button", { name: "Close" }).click();
  await banner.waitFor({ state: "detached" }).catch(() => {});
  expect(await banner.count()).toBe(0);
  await server.say("carol", ["alice"], "Coffee at ten");
  const toast = alice.page.getByRole("status").filter({ hasText: "Coffee at ten" });
  await toast.waitFor();
  await toast.getByRole("button", { name: /Coffee/ }).click();
  await alice.message("Coffee at ten").waitFor();
  expect(await toast.count()).toBe(0);
});

test("an alert goes away on the other device when its chat is read, an emergency's when it is acknowledged", async () => {
  const [phone, desk] = [await signedIn("alice"), await signedIn("alice")];
  const sent = await server.say("carol", ["alice"], "Isolated at S14", 3);
  const banner = desk.page.getByRole("status").filter({ hasText: "Isolated at S14" });
  await banner.waitFor();
  await phone.page.goto(`/chats/${sent.chatId}`);
  await phone.message("Isolated at S14").waitFor();
  await desk.page.waitForFunction(() => !document.body.textContent?.includes("IMPORTANT"));
  expect(await desk.chat(/^Carol Clark/).getAttribute("aria-label")).not.toContain("unread");
  await server.send(["alice"], "Both must see this", 1);
  const dialogs = [phone, desk].map((screen) => screen.page.getByRole("alertdialog"));
  for (const dialog of dialogs) await dialog.waitFor();
  await desk.button("Acknowledge").click();
  for (const dialog of dialogs) await dialog.waitFor({ state: "detached" });
});

test("names and messages with markup are shown as text", async () => {
  const alice = await signedIn("alice");
  const text = '<img src=x onerror="document.title=1"><script>document.title=2</script>\u202Eevil & "quotes"';
  const sent = await server.send(["alice"], text, 2, "<b>Bold</b> & Co");
  await alice.page.goto(`/chats/${sent.chatId}`);
  await alice.message(text).waitFor();
  await alice.log.getByText("<b>Bold</b> & Co", { exact: true }).first().waitFor();
  expect(await alice.log.locator("img, script, b b").count()).toBe(0);
});

test("for several recipients the word is that of the slowest, and the strip opens to names", async () => {
  const bob = await signedIn("bob");
  const { chatId, messageId } = await server.say("alice", ["bob", "carol"], "Two spans down");
  await server.told("message.delivered", messageId, "bob", "alice");
  const alice = await signedIn("alice", `/chats/${chatId}`);
  const message = alice.message("Two spans down");
  await message.getByText("At server").waitFor();
  await message.getByRole("button", { name: "2: 1 delivered, 1 silent" }).click();
  await message.getByText("Carol Clark").waitFor();
  await bob
    .chat(/Alice Adams/)
    .filter({ hasText: "Two spans down" })
    .getByRole("link")
    .click();
  await message.getByRole("button", { name: "2: 1 delivered, 1 read, 1 silent" }).waitFor();
  expect(await message.getByText("At server").count()).toBe(1);
});

test("signing out asks, and leaves nothing on the device", async () => {
  const alice = await signedIn("alice");
  await alice.chat(/./).first().waitFor();
  await alice.button("Sign out").click();
  await alice.page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
  await alice.page.getByRole("textbox", { name: "User ID" }).waitFor();
  const left = await alice.page.evaluate(async () => {
    const request = indexedDB.open("crewline");
    const idb = await new Promise<IDBDatabase>((resolve) => {
      request.onsuccess = () => resolve(request.result);
    });
    const names = [...idb.objectStoreNames];
    const counts = names.map((name) => idb.transaction(name).objectStore(name).count());
    await Promise.all(counts.map((count) => new Promise((resolve) => (count.onsuccess = resolve))));
    return counts.reduce((sum, count) => sum + count.result, 0);
  });
  expect(left).toBe(0);
  await alice.page.reload();
  await alice.page.getByRole("textbox", { name: "User ID" }).waitFor();
});

test("a message that the device cannot keep is not shown as waiting, and its text is not lost", async () => {
  const { chatId } = await server.say("bob", ["carol"], "Write to me");
  const carol = await signedIn("carol", `/chats/${chatId}`);
  await carol.message("Write to me").waitFor();
  await carol.page.evaluate(() => {
    IDBObjectStore.prototype.add = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  await carol.write("no room for this");
  await carol.page.getByRole("alert").filter({ hasText: "could not keep the message" }).waitFor();
  expect(await carol.page.getByRole("textbox", { name: "Message" }).inputValue()).toBe("no room for this");
  expect(await carol.message("no room for this").count()).toBe(0);
});

test("earlier messages come as one scrolls, the place is kept, and only what is seen is in the document", async () => {
  const { chatId } = await server.send(["bob"], "number 0");
  for (let no = 1; no <= 300; no++) {
    await server.send(["bob"], `number ${no}`);
  }
  const bob = await signedIn("bob", `/chats/${chatId}`);
  await bob.button("To the newest message").click();
  await bob.message("number 300").waitFor();
  await server.told("message.read", (await newest(chatId)).messageId, "bob");
  await bob.page.reload();
  await bob.message("number 300").waitFor();
  await bob.logAtRest();
  const { most, leap } = await bob.log.evaluate(async (log) => {
    let [most, leap] = [0, 0];
    const edge = log.getBoundingClientRect().top;
    const onTop = () =>
      [...log.querySelectorAll(".words")].find((words) => words.getBoundingClientRect().bottom > edge);
    const frame = () => new Promise(requestAnimationFrame);
    const number = async () => {
      while (onTop() === undefined) await frame();
      return Number(onTop()?.textContent?.replace("number ", ""));
    };
    // To the very top at once: she stays at what was there, and older ones come in above it.
    const height = log.scrollHeight;
    log.scrollTop = 0;
    await frame();
    const first = await number();
    while (log.scrollHeight <= height) await frame();
    for (let frames = 0; frames < 10; frames++) await frame();
    let before = await number();
    leap = Math.abs(first - before);
    while (before > 0) {
      log.scrollTop -= 400;
      await frame();
      await frame();
      const now = await number();
      most = Math.max(most, log.querySelectorAll("article").length);
      leap = Math.max(leap, before - now);
      before = now;
    }
    return { most, leap };
  });
  expect(most).toBeLessThan(60);
  // 400 pixels are five messages: nobody is taken to somewhere else while older ones come in.
  expect(leap).toBeLessThan(12);
  await bob.message("number 0").scrollIntoViewIfNeeded();
  // Something new does not take her away from what she reads, and one press brings her to it.
  await server.send(["bob"], "something new");
  await bob.button("To the newest message").click();
  await bob.message("something new").waitFor();
});

async function newest(chatId: string): Promise<{ messageId: string }> {
  const page = await server.call<{ messages: { messageId: string }[] }>(
    "bob",
    "GET",
    `/api/v1/chats/${chatId}/messages?limit=1`,
  );
  if (page.messages[0] === undefined) throw new Error("the chat is empty");
  return page.messages[0];
}
