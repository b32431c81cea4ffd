// What waits, sent by calls: for the service worker, which has no socket. Keys and rules are those of the socket.

import type { Net } from "./net.ts";
import type { Speaker } from "./outbox.ts";
import type { Command } from "./wire.ts";

export class HttpLine implements Speaker {
  readonly isLive = true;
  private readonly net: Net;

  constructor(net: Net) {
    this.net = net;
  }

  command<T>(command: Command): Promise<T> {
    if ("receipts" in command) return this.net.call<T>("POST", "/api/v1/receipts", { receipts: command.receipts });
    if ("createChat" in command) return this.net.call<T>("POST", "/api/v1/chats", command.createChat);
    const { chatId, idempotencyKey, ...reply } = command.reply;
    return this.net.call<T>("POST", `/api/v1/chats/${encodeURIComponent(chatId)}/messages`, reply, idempotencyKey);
  }
}
