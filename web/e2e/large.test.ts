// Much of everything: only what is seen is in the document, wherever one looks.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Screen } from "./screen.ts";
import { Server } from "./server.ts";

interface Page {
  messages: { message: string }[];
}

/** Much takes long to make on a slow machine. */
const TIME_MS = 150_000;

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

/** Does something so many times, a few at once. */
async function times(count: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

test(
  "of a thousand chats only those that are seen are in the document, from the first to the last",
  async () => {
    const receipts: { messageId: string; state: string }[] = [];
    const send = async (n: number) => {
      const sent = await server.call<{ messageId: string }>("scada:*", "POST", "/api/v1/messages", {
        fromExtUserId: `scada:${n}`,
        fromExtUserName: `System ${n}`,
        toUsers: [{ toUserId: "alice" }],
        message: `Telegram of system ${n}`,
      });
      receipts.push({ messageId: sent.messageId, state: "read" });
    };
    // The first alone: those that come together may have the same time, and any order.
    await send(0);
    await times(999, (n) => send(n + 1));
    // Read on another device; else they were a thousand histories to fetch.
    await server.call("alice", "POST", "/api/v1/receipts", { receipts });
    const { chats } = await server.call<{ chats: { lastMessage: { message: string } }[] }>(
      "alice",
      "GET",
      "/api/v1/me/chats?limit=1000",
    );
    const alice = await opened();
    await alice.signIn("alice");
    const list = alice.page.getByRole("list", { name: "Chats" });
    await list.getByText(chats[0]?.lastMessage.message ?? "", { exact: true }).waitFor();
    expect(await list.getByRole("listitem").count()).toBeLessThan(40);
    // As long as the whole list, so that one can see how much there is.
    expect((await list.boundingBox())?.height).toBeGreaterThanOrEqual(1_000 * 76);
    await list.evaluate((element) => element.parentElement?.scrollTo(0, element.scrollHeight));
    await list.getByText(chats.at(-1)?.lastMessage.message ?? "", { exact: true }).waitFor();
    expect(await list.getByRole("listitem").count()).toBeLessThan(40);
    // One that gets a message comes to the top, and the list stays where the person is.
    await server.call("scada:*", "POST", "/api/v1/messages", {
      fromExtUserId: "scada:500",
      toUsers: [{ toUserId: "alice" }],
      fromExtUserName: "System 500",
      message: "The newest of all",
    });
    await list.evaluate((element) => element.parentElement?.scrollTo(0, 0));
    await list.getByRole("listitem").first().getByText("The newest of all", { exact: true }).waitFor();
    expect(await list.getByRole("listitem").first().getAttribute("aria-label")).toContain("1 unread");
  },
  TIME_MS,
);

test(
  "a long chat can be read to its beginning and back to its end, and holds only a piece of it",
  async () => {
    // More than are held at once.
    const COUNT = 800;
    const { chatId } = await server.call<{ chatId: string }>("bob", "POST", "/api/v1/chats", { toUserIds: ["carol"] });
    const path = `/api/v1/chats/${chatId}/messages`;
    await times(COUNT, (n) => server.call("bob", "POST", path, { message: `Message ${n}` }));
    const texts = async (limit: number) => {
      const page = await server.call<Page>("bob", "GET", `${path}?limit=${limit}`);
      return page.messages.map(({ message }) => message).reverse();
    };
    const order = await texts(1_000);
    const first = order[0] ?? "";
    const carol = await opened();
    await carol.signIn("carol", `/chats/${chatId}`);
    const seen = async () => {
      const drawn = await carol.log.locator(".words").allTextContents();
      expect(drawn.length).toBeLessThan(60);
      const numbers = drawn.map((text) => order.indexOf(text));
      // In their order, and none left out.
      for (const [at, n] of numbers.slice(1).entries()) expect(n).toBe((numbers[at] ?? 0) + 1);
      return numbers;
    };
    const go = (to: "top" | "bottom") =>
      carol.log.evaluate((log, to) => log.scrollTo(0, to === "top" ? 0 : log.scrollHeight), to);
    await carol.log.locator(".words").first().waitFor();
    for (let lowest = COUNT; lowest > 0; lowest = (await seen())[0] ?? 0) await go("top");
    await carol.message(first).waitFor();
    // What comes now is not shown before it is reached, and nobody is taken away by it.
    order.push("Come meanwhile");
    const { messageId } = await server.say("bob", ["carol"], "Come meanwhile");
    await expect
      .poll(async () => (await server.state(messageId, "bob")).recipients[0]?.state, { timeout: 20_000 })
      .toBe("delivered");
    expect(await carol.message(first).isVisible()).toBe(true);
    for (let highest = 0; highest < COUNT; highest = (await seen()).at(-1) ?? 0) await go("bottom");
    await carol.message("Come meanwhile").waitFor();
    // Up once more; who writes is at the newest in one step.
    for (let lowest = COUNT; lowest > 100; lowest = (await seen())[0] ?? 0) await go("top");
    await carol.write("From the top");
    await carol.message("From the top").getByText("At server").waitFor();
  },
  TIME_MS,
);
