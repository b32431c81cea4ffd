// A server with a person who has many chats, one of them very long.

import { Server, type Told } from "../e2e/server.ts";
import type { Sizes } from "./figure.ts";

/** Requests under way at once. */
const TOGETHER = 32;
/** Chats with something unread in them. */
const UNREAD = 20;

const WORDS =
  "Breaker 1204 at Ostwerk has tripped on overcurrent, feeder 7 is dead from pole 31 to the switching station. Please inspect the line from the west end, report what you see, and wait for the word to close.";

/** A text of its own, a few words to several lines long. */
export const textOf = (n: number) => `${n}: ${WORDS.slice(0, 20 + ((n * 37) % (WORDS.length - 20)))}`;

export async function together(count: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: TOGETHER }, worker));
}

export class Filled {
  readonly server: Server;
  readonly sizes: Sizes;
  /** The long chat, of alice and bob. */
  long = "";
  newest = { messageId: "", text: "" };
  /** Up to where bob's log was heard. */
  private heard = 0;

  private constructor(server: Server, sizes: Sizes) {
    this.server = server;
    this.sizes = sizes;
  }

  static async start(sizes: Sizes): Promise<Filled> {
    const filled = new Filled(await Server.start(), sizes);
    await filled.fill();
    return filled;
  }

  /** A message to alice from one of the systems, each of which has a chat with her. */
  system(n: number, message: string): Promise<{ messageId: string; chatId: string }> {
    return this.server.call("scada:*", "POST", "/api/v1/messages", {
      fromExtUserId: `scada:${n}`,
      fromExtUserName: `Control system ${n}`,
      toUsers: [{ toUserId: "alice" }],
      message,
    });
  }

  /** A message into the long chat. */
  into(who: string, message: string): Promise<{ messageId: string }> {
    return this.server.call(who, "POST", `/api/v1/chats/${this.long}/messages`, { message });
  }

  private async fill(): Promise<void> {
    const receipts: { messageId: string; state: string }[] = [];
    await together(this.sizes.chats - 1, async (n) => {
      const { messageId } = await this.system(n, textOf(n));
      if (n >= UNREAD) receipts.push({ messageId, state: "read" });
    });
    await this.server.call("alice", "POST", "/api/v1/receipts", { receipts });
    const chat = await this.server.call<{ chatId: string }>("bob", "POST", "/api/v1/chats", { toUserIds: ["alice"] });
    this.long = chat.chatId;
    await together(this.sizes.messages - 1, (n) => this.into(n % 3 === 0 ? "alice" : "bob", textOf(n)));
    const text = textOf(this.sizes.messages - 1);
    this.newest = { ...(await this.into("bob", text)), text };
  }

  /** Passes over what bob was told by now: it is long. */
  async passOver(): Promise<void> {
    const page = await this.server.call<{ head: number }>("bob", "GET", "/api/v1/participants/me/events?limit=1");
    this.heard = page.head;
  }

  /** Waits until bob is told that alice has read a message. */
  async isRead(messageId: string): Promise<void> {
    for (;;) {
      const page = await this.server.call<{ events: Told[]; next: number }>(
        "bob",
        "GET",
        `/api/v1/participants/me/events?after=${this.heard}&wait=20`,
      );
      this.heard = page.next;
      if (page.events.some(({ type, data }) => type === "message.read" && data.messageId === messageId)) return;
      if (page.events.length === 0) throw new Error("a message that is on the screen was not read");
    }
  }

  /** Alice reads the long chat on another device. */
  async readLong(): Promise<void> {
    const receipts = [{ chatId: this.long, readUpTo: this.newest.messageId }];
    await this.server.call("alice", "POST", "/api/v1/receipts", { receipts });
  }
}
