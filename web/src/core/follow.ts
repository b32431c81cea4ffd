// Follows the log of one whom this person watches: begins from a reading by calls, goes on by a socket of its own, and looks
// now and then for what no log tells: an external's own messages, before anybody has got them. It says nothing for that
// participant, no ack either.

import { mustBeginAnew, waitAfter } from "./comeback.ts";
import type { Clock, Line, Net } from "./net.ts";
import { CallError } from "./net.ts";
import type { Watched, WatchedLog, WatchedMessage } from "./watched.ts";
import type { ChatSummary, ChatsPage, MessagesPage, MessageView, Problem, ServerFrame, WireEvent } from "./wire.ts";

/** How often it looks for messages that nobody has got. */
const LOOK_MS = 3_000;
/** How much is read at the beginning: so many chats, and so many of them with what stands before their last message. */
const CHATS = 200;
const HISTORIES = 40;
const HISTORY = 50;
/** How many pages of chats one look takes at most. */
const PAGES = 10;
const PAGE = 20;

export interface FollowTold {
  changed(messages: WatchedMessage[]): void;
  live(isLive: boolean): void;
}

export class Follower {
  readonly participantId: string;
  private readonly watched: Watched;
  private readonly net: Net;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly told: FollowTold;
  private line: Line | undefined;
  private turn = 0;
  private tries = 0;
  private isRunning = false;
  private refusal: Problem | undefined;
  private chain: Promise<void> = Promise.resolve();
  private cancel: () => void = () => {};

  constructor(participantId: string, watched: Watched, net: Net, clock: Clock, random: () => number, told: FollowTold) {
    this.participantId = participantId;
    this.watched = watched;
    this.net = net;
    this.clock = clock;
    this.random = random;
    this.told = told;
  }

  start(): void {
    this.isRunning = true;
    void this.connect(false);
  }

  stop(): void {
    this.isRunning = false;
    this.turn += 1;
    this.cancel();
    this.line?.close();
    this.line = undefined;
  }

  /** There is contact again: no reason to wait any longer. */
  wake(): void {
    if (!this.isRunning || this.line !== undefined) return;
    this.tries = 0;
    void this.connect(false);
  }

  private async connect(isAnew: boolean): Promise<void> {
    const turn = ++this.turn;
    this.cancel();
    this.refusal = undefined;
    try {
      const known = isAnew ? undefined : await this.watched.log(this.participantId);
      const log = known ?? (await this.begin());
      if (turn !== this.turn) return;
      this.line = this.net.open({
        opened: () => {
          const hello = { participant: this.participantId, after: log.seq, epoch: log.epoch };
          if (turn === this.turn) this.line?.send(JSON.stringify({ hello }));
        },
        text: (text) => this.hear(turn, text),
        closed: (code) => this.ended(turn, code),
      });
    } catch (error) {
      if (turn === this.turn) this.comeBack(error);
    }
  }

  private get query(): string {
    return `participant=${encodeURIComponent(this.participantId)}`;
  }

  /** Reads what there is by calls; the epoch first, so that a store that is restored meanwhile is noticed. */
  private async begin(): Promise<WatchedLog> {
    const events = `/api/v1/participants/${encodeURIComponent(this.participantId)}/events?limit=1`;
    const { epoch } = await this.net.call<{ epoch: string }>("GET", events);
    const page = await this.chats(CHATS);
    const views: MessageView[] = [];
    let histories = 0;
    for (const chat of page.chats) {
      if (chat.lastMessage) views.push(chat.lastMessage);
      if ((chat.lastMessage?.position ?? 0) > 1 && histories++ < HISTORIES)
        views.push(...(await this.history(chat.chatId)));
    }
    const lookedTo = page.chats[0]?.lastActivityAt ?? "";
    const log = { participantId: this.participantId, epoch, seq: page.asOf, lookedTo };
    this.told.changed(await this.watched.begin(log, views));
    return log;
  }

  private chats(limit: number, before?: string): Promise<ChatsPage> {
    const place = before === undefined ? "" : `&before=${encodeURIComponent(before)}`;
    return this.net.call<ChatsPage>("GET", `/api/v1/me/chats?limit=${limit}&${this.query}${place}`);
  }

  private async history(chatId: string): Promise<MessageView[]> {
    const path = `/api/v1/chats/${encodeURIComponent(chatId)}/messages?limit=${HISTORY}&${this.query}`;
    return (await this.net.call<MessagesPage>("GET", path)).messages;
  }

  private hear(turn: number, text: string): void {
    if (turn !== this.turn) return;
    const frame = JSON.parse(text) as ServerFrame;
    if ("welcome" in frame) {
      this.tries = 0;
      this.told.live(true);
      void this.look(turn);
    } else if ("events" in frame) {
      this.chain = this.chain.then(() => this.take(turn, frame.events)).catch(() => this.ended(turn, 1006));
    } else if ("error" in frame) this.refusal = frame.error;
  }

  private async take(turn: number, events: WireEvent[]): Promise<void> {
    if (turn !== this.turn) return;
    let taken = await this.watched.take(this.participantId, events);
    if ("unknown" in taken) {
      const views = await Promise.all(taken.unknown.map((id) => this.message(id)));
      if (turn !== this.turn) return;
      const known = views.filter((view) => view !== undefined);
      taken = await this.watched.take(this.participantId, events, known);
    }
    if ("messages" in taken) this.told.changed(taken.messages);
  }

  /** One that was removed meanwhile is none. */
  private async message(messageId: string): Promise<MessageView | undefined> {
    try {
      return await this.net.call<MessageView>("GET", `/api/v1/messages/${encodeURIComponent(messageId)}?${this.query}`);
    } catch (error) {
      if (error instanceof CallError && error.status === 404) return undefined;
      throw error;
    }
  }

  private async look(turn: number): Promise<void> {
    try {
      await this.lookOnce();
      if (turn !== this.turn) return;
      this.cancel = this.clock.after(LOOK_MS * (0.75 + this.random() / 2), () => void this.look(turn));
    } catch (error) {
      // Nobody answers: the line is of no use either, whether it has noticed or not.
      if (turn !== this.turn) return;
      this.line?.close();
      this.comeBack(error);
    }
  }

  private async lookOnce(): Promise<void> {
    const lookedTo = (await this.watched.log(this.participantId))?.lookedTo ?? "";
    const fresh: ChatSummary[] = [];
    let before: string | undefined;
    for (let pages = 0; pages < PAGES; pages++) {
      const page = await this.chats(PAGE, before);
      // What happened in the same moment as the last that was seen is looked at again.
      const newer = page.chats.filter(({ lastActivityAt }) => lastActivityAt >= lookedTo);
      fresh.push(...newer);
      before = page.next ?? undefined;
      if (newer.length < page.chats.length || before === undefined) break;
    }
    const views: MessageView[] = [];
    for (const { chatId, lastMessage } of fresh) {
      if (!lastMessage || (await this.watched.unknown([lastMessage.messageId])).length === 0) continue;
      views.push(lastMessage);
      if (lastMessage.position > (await this.watched.newestIn(chatId)) + 1) views.push(...(await this.history(chatId)));
    }
    const newest = fresh[0]?.lastActivityAt ?? lookedTo;
    if (views.length === 0 && newest === lookedTo) return;
    this.told.changed(await this.watched.found(this.participantId, views, newest));
  }

  private ended(turn: number, code: number): void {
    if (turn !== this.turn || !this.isRunning) return;
    const { refusal } = this;
    this.cancel();
    this.line = undefined;
    this.told.live(false);
    if (mustBeginAnew(refusal)) return void this.connect(true);
    // Not watched any more, or signed out: whoever started it knows more.
    if (code >= 4100 && code < 4200) return this.stop();
    this.comeBack(undefined);
  }

  private comeBack(error: unknown): void {
    this.told.live(false);
    if (error instanceof CallError && [401, 403, 404].includes(error.status)) return this.stop();
    const turn = ++this.turn;
    this.cancel();
    this.line = undefined;
    const wait = waitAfter(this.tries, this.random);
    this.tries += 1;
    this.cancel = this.clock.after(wait, () => {
      if (turn === this.turn && this.isRunning) void this.connect(false);
    });
  }
}
