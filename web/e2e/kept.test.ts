// A device that cannot keep what a person does, because it has no room or a transaction was aborted: it says so, nothing
// looks done, and it can be pressed again.

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

type Trouble = "full" | "aborted";

/** From now on the store of this page refuses what is written, until it is mended. */
async function breakStore(screen: Screen, trouble: Trouble): Promise<void> {
  await screen.page.evaluate((trouble) => {
    const world = window as unknown as { mend: () => void };
    if (trouble === "full") {
      const { add, put } = IDBObjectStore.prototype;
      const refuse = () => {
        throw new DOMException("full", "QuotaExceededError");
      };
      Object.assign(IDBObjectStore.prototype, { add: refuse, put: refuse });
      world.mend = () => Object.assign(IDBObjectStore.prototype, { add, put });
    } else {
      const { transaction } = IDBDatabase.prototype;
      IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...how) {
        const tx = transaction.apply(this, how);
        if (how[1] === "readwrite") queueMicrotask(() => tx.abort());
        return tx;
      };
      world.mend = () => {
        IDBDatabase.prototype.transaction = transaction;
      };
    }
  }, trouble);
}

async function mendStore(screen: Screen): Promise<void> {
  await screen.page.evaluate(() => (window as unknown as { mend: () => void }).mend());
}

async function signedIn(userId: string, path = "/"): Promise<Screen> {
  const screen = await Screen.open(server);
  screens.push(screen);
  await screen.signIn(userId, path);
  return screen;
}

const NOT_KEPT = "This device could not keep that";

test.for<Trouble>(["full", "aborted"])(
  "an acknowledgement that the device cannot keep leaves the dialog, says why, and can be pressed again: %s",
  async (trouble) => {
    const alice = await signedIn("alice");
    const sent = await server.send(["alice"], "Stand clear", 1);
    await server.told("message.read", sent.messageId, "alice");
    const dialog = alice.page.getByRole("alertdialog").filter({ hasText: "Stand clear" });
    await dialog.waitFor();
    await breakStore(alice, trouble);
    await alice.button("Acknowledge").click();
    await dialog.getByRole("status").filter({ hasText: NOT_KEPT }).waitFor();
    expect((await server.state(sent.messageId)).recipients[0]?.state).toBe("read");
    await mendStore(alice);
    await alice.button("Acknowledge").click();
    await dialog.waitFor({ state: "detached" });
    await server.told("message.acknowledged", sent.messageId, "alice");
    expect(await alice.page.getByText(NOT_KEPT).count()).toBe(0);
  },
);

test.for<Trouble>(["full", "aborted"])(
  "a banner that the device cannot close stays, says why, and can be closed again: %s",
  async (trouble) => {
    const bob = await signedIn("bob");
    await server.say("alice", ["bob"], `Isolated at S14 ${trouble}`, 3);
    const banner = bob.page.getByRole("status").filter({ hasText: `Isolated at S14 ${trouble}` });
    await banner.waitFor();
    await breakStore(bob, trouble);
    await banner.getByRole("button", { name: "Close" }).click();
    await bob.page.getByRole("alert").filter({ hasText: NOT_KEPT }).waitFor();
    await banner.getByText("IMPORTANT").waitFor();
    await mendStore(bob);
    await banner.getByRole("button", { name: "Close" }).click();
    await banner.waitFor({ state: "detached" });
    await bob.page.getByText(NOT_KEPT).waitFor({ state: "detached" });
  },
);

test.for<Trouble>(["full", "aborted"])(
  "a reply that the device cannot keep is in the field again, with what it replies to: %s",
  async (trouble) => {
    const { chatId } = await server.say("bob", ["carol"], `Answer me ${trouble}`);
    const carol = await signedIn("carol", `/chats/${chatId}`);
    await carol.message(`Answer me ${trouble}`).getByRole("button", { name: "Reply to Bob Brown" }).click();
    await breakStore(carol, trouble);
    await carol.write(`an answer ${trouble}`);
    await carol.page.getByRole("alert").filter({ hasText: "could not keep the message" }).waitFor();
    expect(await carol.page.getByRole("textbox", { name: "Message" }).inputValue()).toBe(`an answer ${trouble}`);
    await carol.button("Cancel reply").waitFor();
    expect(await carol.message(`an answer ${trouble}`).count()).toBe(0);
    await mendStore(carol);
    await carol.button("Send").click();
    await carol.message(`an answer ${trouble}`).getByText("At server").waitFor();
    await carol.message(`an answer ${trouble}`).getByText(`Bob Brown: Answer me ${trouble}`).waitFor();
    expect((await server.texts("carol", chatId)).filter((text) => text === `an answer ${trouble}`).length).toBe(1);
  },
);

test("a new chat that the device cannot keep is not opened, and says why", async () => {
  const alice = await signedIn("alice");
  await alice.context.setOffline(true);
  await alice.noContact.waitFor();
  await alice.button("New chat").click();
  for (const name of [/Bob Brown/, /Carol Clark/]) await alice.page.getByRole("checkbox", { name }).check();
  await breakStore(alice, "full");
  await alice.button("Start chat with 2").click();
  await alice.page.getByRole("alert").filter({ hasText: "could not keep the chat" }).waitFor();
  await mendStore(alice);
  await alice.button("Start chat with 2").click();
  await alice.page.getByRole("textbox", { name: "Message" }).waitFor();
});

test("signing out that the device cannot do stays signed in, says why, and can be asked for again", async () => {
  const bob = await signedIn("bob");
  await bob.button("Sign out").click();
  const dialog = bob.page.getByRole("dialog");
  await breakStore(bob, "aborted");
  await dialog.getByRole("button", { name: "Sign out" }).click();
  await dialog.getByRole("alert").filter({ hasText: NOT_KEPT }).waitFor();
  await mendStore(bob);
  await dialog.getByRole("button", { name: "Sign out" }).click();
  await bob.page.getByRole("textbox", { name: "User ID" }).waitFor();
});
