// A server for tests, in memory and without time of its own: one person's log, the messages with their keys, receipts. It
// can be made to lose a request, an answer or a connection at any moment.

import type { Clock, Line, LineEvents, Net } from "../src/core/net.ts";
import { CallError } from "../src/core/net.ts";
import type {
  Command,
  MessageData,
  MessageView,
  NewChat,
  Problem,
  ReceiptSaid,
  SentMessage,
  SocketReply,
  State,
  WireEvent,
} from "../src/core/wire.ts";

export const ME = "alice";

/** A clock that goes only when it is told to. */
export class FakeClock implements Clock {
  private at = Date.parse("2026-11-23T03:00:00Z");
  private timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.at;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.at + ms, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  advance(ms: number): void {
    const until = this.at + ms;
    for (;;) {
      const due = this.timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== due);
      this.at = Math.max(this.at, due.at);
      due.run();
    }
    this.at = until;
  }
}

/** Lets everything that is under way in the store and in promises come to rest. */
export async function settle(turns = 12): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

interface Stored {
  data: MessageData;
  state: State;
  key?: string;
}

const RANK: Record<State, number> = { accepted: 0, delivered: 1, read: 2, acknowledged: 3 };

export class FakeServer {
  epoch = "e1";
  log: WireEvent[] = [];
  readonly messages: Stored[] = [];
  /** What was said by acks and receipts, as it came: nothing is forgotten. */
  readonly said: { messageId: string; state: State }[] = [];
  /** The faults that the next requests meet, one each. */
  faults: ("request" | "answer")[] = [];
  isDown = false;
  isSignedOut = false;
  delay = "";
  readonly lines = new Set<FakeLine>();
  calls = 0;
  readonly push = new FakePush();

  /** The people of chats; those that are not named here are with Bob. */
  readonly sets = new Map<string, string[]>();
  /** As they were said. */
  readonly replies: SocketReply[] = [];
  readonly groups = new Map<string, string[]>();

  /** A message of somebody else. */
  receive(chatId: string, from: string, text: string, priority: 1 | 2 | 3 = 2): MessageData {
    const data = this.make(chatId, from, text, priority);
    this.messages.push({ data, state: "accepted" });
    this.tell("message.received", data);
    return data;
  }

  /** Makes a chat of these people, or finds it. */
  createChat(others: string[]): { chatId: string; userIds: string[] } {
    const userIds = [ME, ...others].sort();
    const known = [...this.sets].find(([, set]) => set.join() === userIds.join());
    if (known !== undefined) return { chatId: known[0], userIds };
    const chatId = `s${this.sets.size + 1}`;
    this.sets.set(chatId, userIds);
    this.tell("chat.created", { chatId, userIds });
    return { chatId, userIds };
  }

  setOf(chatId: string): string[] {
    return this.sets.get(chatId) ?? [ME, "bob"];
  }

  tell(type: string, data: unknown): void {
    const seq = this.log.length + 1;
    this.log.push({ seq, type, timestamp: "2026-11-23T03:00:00.000Z", data });
    for (const line of this.lines) line.push();
  }

  cut(code = 1006): void {
    for (const line of [...this.lines]) line.cut(code, "");
  }

  unreadIn(chatId: string): number {
    const inChat = this.messages.filter(({ data }) => data.chatId === chatId && data.fromUserId !== ME);
    return inChat.filter(({ state }) => RANK[state] < 2).length;
  }

  net(): Net {
    return {
      open: (events) => new FakeLine(this, events),
      call: async (method, path, body, key) => {
        await settle(1);
        this.calls += 1;
        if (this.isDown) throw new CallError(0);
        if (this.isSignedOut) throw new CallError(401, { status: 401, code: "unauthorized", detail: "" });
        const fault = this.faults.shift();
        if (fault === "request") throw new CallError(0);
        const answer = structuredClone(this.answerTo(method, path, body, key));
        if (fault === "answer") throw new CallError(0);
        return answer as never;
      },
    };
  }

  private make(chatId: string, from: string, text: string, priority: 1 | 2 | 3): MessageData {
    const position = this.messages.filter(({ data }) => data.chatId === chatId).length + 1;
    const messageId = `m${this.messages.length + 1}`;
    const sentAt = new Date(Date.parse("2026-11-23T03:00:00Z") + this.messages.length * 1000).toISOString();
    return {
      messageId,
      chatId,
      position,
      fromUserId: from,
      fromUserName: from,
      allUserIds: this.setOf(chatId),
      message: text,
      priority,
      sentAt,
    };
  }

  private answerTo(method: string, path: string, body: unknown, key: string | undefined): unknown {
    if (path.startsWith("/api/v1/push")) return this.push.answer(method, path, body);
    if (method === "POST" && path === "/api/v1/receipts") return this.carryOut(body as Command);
    const chatId = /^\/api\/v1\/chats\/([^/]+)\/messages$/.exec(path)?.[1];
    if (method === "POST" && chatId !== undefined) {
      const reply = body as { message: string };
      return this.carryOut({ reply: { ...reply, chatId, idempotencyKey: key ?? "" } });
    }
    const one = /^\/api\/v1\/messages\/([^/]+)$/.exec(path)?.[1];
    if (one === undefined) return this.answer(path);
    const stored = this.messages.find(({ data }) => data.messageId === one);
    if (stored === undefined) throw problem(404, "not_found");
    return this.view(stored);
  }

  private answer(path: string): unknown {
    if (path.includes("/events")) return { events: [], next: 0, epoch: this.epoch, head: this.log.length };
    if (path.includes("/people")) return { people: [{ userId: "bob", name: "Bob", kind: "user" }] };
    if (path === "/api/v1/me") return { userId: ME, name: "Alice", role: "crew" };
    const history = /chats\/([^/]+)\/messages/.exec(path);
    if (history !== null) {
      const before = Number(new URL(path, "http://x").searchParams.get("before") ?? Number.MAX_SAFE_INTEGER);
      const found = this.messages.filter(({ data }) => data.chatId === history[1] && data.position < before);
      return { messages: found.map((stored) => this.view(stored)).reverse(), asOf: this.log.length };
    }
    const ids = [...new Set([...this.messages.map(({ data }) => data.chatId), ...this.sets.keys()])];
    const chats = ids.map((chatId) => {
      const last = this.messages.filter(({ data }) => data.chatId === chatId).at(-1);
      const lastMessage = last && this.view(last);
      return {
        chatId,
        userIds: this.setOf(chatId),
        lastActivityAt: last?.data.sentAt ?? "2026-11-23T03:00:00.000Z",
        lastMessage,
        unread: this.unreadIn(chatId),
      };
    });
    return { chats, asOf: this.log.length };
  }

  private view({ data, state }: Stored): MessageView {
    const userId = data.fromUserId === ME ? "bob" : ME;
    return { ...data, recipients: [{ userId, state }] };
  }

  /** Does what a command says. */
  carryOut(command: Command): unknown {
    if ("receipts" in command) {
      if (command.receipts.length === 0) throw problem(422, "invalid");
      return { results: command.receipts.map((receipt) => this.receipt(receipt)) };
    }
    if ("createChat" in command) {
      return this.createChat(this.resolve(command.createChat));
    }
    const { reply } = command;
    this.replies.push(reply);
    const known = this.messages.find(({ key }) => key === reply.idempotencyKey);
    if (known === undefined) {
      if (reply.message === "refuse me") throw problem(403, "not_allowed");
      const data = this.make(reply.chatId, ME, reply.message, reply.priority ?? 2);
      this.messages.push({ data, state: "accepted", key: reply.idempotencyKey });
      this.tell("message.sent", data);
      return this.sent(data);
    }
    return this.sent(known.data);
  }

  /** Everyone who is meant: groups by their members. Those who are not known are refused by their places. */
  private resolve({ toUserIds = [], toGroups = [] }: NewChat): string[] {
    const groups = toGroups.map(({ groupId }) => this.groups.get(groupId));
    const noGroups = groups.flatMap((members, at) => (members === undefined ? [`toGroups[${at}].groupId`] : []));
    if (noGroups.length > 0) throw problem(422, "unknown_group", noGroups);
    const nobody = toUserIds.flatMap((id, at) => (id === "nobody" ? [`toUserIds[${at}]`] : []));
    if (nobody.length > 0) throw problem(422, "unknown_recipient", nobody);
    return [...new Set([...toUserIds, ...groups.flatMap((members) => members ?? [])])];
  }

  private sent(data: MessageData): SentMessage {
    const { messageId, chatId, position, sentAt } = data;
    return { messageId, chatId, position, sentAt, recipients: [{ userId: "bob", state: "accepted" }] };
  }

  private receipt(said: ReceiptSaid): unknown {
    if ("messageId" in said) {
      this.said.push({ messageId: said.messageId, state: said.state });
      const stored = this.messages.find(({ data }) => data.messageId === said.messageId);
      if (stored === undefined) return { messageId: said.messageId, outcome: "not_found" };
      this.advance([stored], said.state);
      return { messageId: said.messageId, outcome: "new" };
    }
    const upTo = this.messages.find(({ data }) => data.messageId === said.readUpTo)?.data.position ?? 0;
    const read = this.messages.filter(
      ({ data }) => data.chatId === said.chatId && data.position <= upTo && data.priority !== 1,
    );
    this.advance(
      read.filter(({ data }) => data.fromUserId !== ME),
      "read",
    );
    return { chatId: said.chatId, outcome: "new" };
  }

  /** What the person did, told in their own log, where it was anything new. */
  advance(messages: Stored[], state: State): void {
    const fresh = messages.filter((stored) => RANK[stored.state] < RANK[state]);
    const read = fresh.filter((stored) => RANK[stored.state] < 2 && RANK[state] >= 2);
    for (const stored of fresh) stored.state = state;
    const chatId = fresh[0]?.data.chatId;
    if (chatId === undefined) return;
    const ids = (list: Stored[]) => list.map(({ data }) => data.messageId);
    const unread = this.unreadIn(chatId);
    if (read.length > 0) this.tell("self.read", { chatId, messageIds: ids(read), unread });
    if (state === "acknowledged") this.tell("self.acknowledged", { chatId, messageIds: ids(fresh), unread });
  }
}

/** The server's half of push, as far as a device sees it. */
class FakePush {
  publicKey: string | null = "KEY";
  endpoint: string | undefined;
  proven: string[] = [];
  puts = 0;

  answer(method: string, path: string, body: unknown): unknown {
    const of = (endpoint: string) => ({ endpointHost: new URL(endpoint).host, createdAt: "2026-11-23T03:00:00Z" });
    if (path === "/api/v1/push/proof") return void this.proven.push((body as { test: string }).test);
    if (method === "PUT") {
      this.endpoint = (body as { endpoint: string }).endpoint;
      this.puts += 1;
      return of(this.endpoint);
    }
    if (method === "DELETE") {
      this.endpoint = undefined;
      return undefined;
    }
    return { publicKey: this.publicKey, subscription: this.endpoint === undefined ? null : of(this.endpoint) };
  }
}

function problem(status: number, code: string, fields: string[] = []): CallError {
  const errors = fields.map((field) => ({ field, code, detail: "" }));
  return new CallError(status, { status, code, detail: `refused: ${code}`, errors } satisfies Problem);
}

class FakeLine implements Line {
  private readonly server: FakeServer;
  private readonly events: LineEvents;
  private sentTo: number | undefined;
  private isOver = false;

  constructor(server: FakeServer, events: LineEvents) {
    this.server = server;
    this.events = events;
    setImmediate(() => {
      if (this.isOver) return;
      if (server.isDown || server.isSignedOut) return this.cut(1006, "");
      server.lines.add(this);
      events.opened();
    });
  }

  send(text: string): void {
    if (this.isOver) throw new Error("the app speaks on a line that has ended");
    setImmediate(() => this.take(JSON.parse(text)));
  }

  close(): void {
    this.isOver = true;
    this.server.lines.delete(this);
  }

  cut(code: number, reason: string): void {
    if (this.isOver) return;
    this.close();
    this.events.closed(code, reason || this.server.delay);
  }

  push(): void {
    if (this.sentTo === undefined || this.isOver) return;
    const events = this.server.log.slice(this.sentTo);
    if (events.length === 0) return;
    this.sentTo = this.server.log.length;
    this.answer({ events });
  }

  private answer(frame: unknown): void {
    const text = JSON.stringify(frame);
    setImmediate(() => {
      if (!this.isOver) this.events.text(text);
    });
  }

  private take(frame: { hello?: { after: number; epoch: string }; ack?: number; do?: { id: number } & Command }): void {
    if (this.isOver) return;
    if (frame.hello) return this.welcome(frame.hello);
    if (frame.ack !== undefined) {
      if (frame.ack > (this.sentTo ?? 0)) return this.cut(4110, "");
      for (const { seq, type, data } of this.server.log) {
        if (seq > frame.ack || type !== "message.received") continue;
        const { messageId } = data as MessageData;
        this.server.said.push({ messageId, state: "delivered" });
        const stored = this.server.messages.find((message) => message.data.messageId === messageId);
        if (stored?.state === "accepted") stored.state = "delivered";
      }
    }
    if (frame.do) this.act(frame.do);
  }

  private welcome(hello: { after: number; epoch: string }): void {
    const { epoch, log } = this.server;
    const code = hello.epoch !== epoch ? "epoch_changed" : hello.after > log.length ? "ahead_of_log" : undefined;
    if (code !== undefined) {
      this.events.text(JSON.stringify({ error: { status: 409, code, detail: "" } }));
      return this.cut(4120, "");
    }
    this.sentTo = hello.after;
    this.answer({ welcome: { epoch, head: log.length, heartbeatS: 15 } });
    this.push();
  }

  private act(command: { id: number } & Command): void {
    const fault = "receipts" in command && command.receipts.length === 0 ? undefined : this.server.faults.shift();
    if (fault === "request") return this.cut(1006, "");
    try {
      const ok = this.server.carryOut(command);
      if (fault === "answer") return this.cut(1006, "");
      this.answer({ done: { id: command.id, ok } });
    } catch (error) {
      const { status, code, message, fields } = error as CallError;
      this.answer({ done: { id: command.id, error: { status, code, detail: message, errors: fields } } });
    }
  }
}
