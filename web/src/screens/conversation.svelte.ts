// An open conversation: the piece of it that is loaded, where "New" stands, and what is read while one looks at it.

import type { App } from "../app.svelte.ts";
import { END } from "../core/local.ts";
import type { Act, Chat, Message, ReplyAct } from "../core/model.ts";
import { isAtLeast } from "../core/model.ts";
import type { Row } from "../core/rows.ts";
import { firstUnread, gapBelow, rowsOf } from "../core/rows.ts";
import { dayOf } from "../times.ts";

/** How many messages are loaded at first, and more at a time. */
const PIECE = 60;
/** At most so many unread ones are loaded at once to find where they begin. */
const UNREAD_MAX = 500;
/** At most so many are held: what a change costs does not grow with how far somebody has scrolled. */
const HELD_MAX = 600;

export class Conversation {
  chat = $state.raw<Chat | undefined>();
  messages = $state.raw<Message[]>([]);
  waiting = $state.raw<(Act & ReplyAct)[]>([]);
  quoted = $state.raw<Map<string, Message>>(new Map());
  newFrom = $state<number | undefined>();
  isReady = $state(false);
  isLoading = $state(false);
  /** The message that a search led to. */
  foundId = $state<string | undefined>();
  rows = $derived(rowsOf(this.messages, this.waiting, this.newFrom, dayOf));

  private chatId: string;
  private readonly app: App;
  private readonly at: number | undefined;
  private low = 1;
  /** What is held ends before this position; at the newest, where it is `END`. */
  private before = $state(END);
  private isAtBeginning = false;
  private isOpening = false;
  private onScreen: Row[] = [];
  private asked = new Set<number>();
  private reloading: Promise<void> | undefined;
  private mustReload = false;
  private readonly unlisten: () => void;

  /** `at` is the position of the message at which it opens; the newest, where there is none. */
  constructor(app: App, chatId: string, at: number | undefined) {
    this.app = app;
    this.chatId = chatId;
    this.at = at;
    this.unlisten = app.local.listen((chats) => {
      if (chats === "all" || chats.has(this.chatId)) void this.reload();
    });
    void this.open();
  }

  /** The server has named the chat that was made here. */
  async moveTo(chatId: string): Promise<void> {
    if (chatId === this.chatId) return;
    this.chatId = chatId;
    await this.reload();
    if (this.isReady && this.messages.length === 0) await this.fetch(END);
  }

  close(): void {
    this.unlisten();
  }

  /** Loads the newest piece, once the chat is known here: who has just signed in has nothing yet. */
  async open(): Promise<void> {
    if (this.isReady || this.isOpening) return;
    this.isOpening = true;
    try {
      await this.load();
    } catch {
      // The device gave no answer: the next change, or the next contact, tries again.
    }
    this.isOpening = false;
  }

  private async load(): Promise<void> {
    const { local } = this.app;
    this.chat = await local.chat(this.chatId);
    if (this.chat === undefined && this.app.contact === "connecting") return;
    if (this.at !== undefined && (await this.loadAround(this.at))) return;
    const limit = Math.max(PIECE, Math.min(UNREAD_MAX, (this.chat?.unread ?? 0) + 20));
    const { messages, waiting } = await local.conversation(this.chatId, 1, END, limit);
    this.low = messages[0]?.position ?? 1;
    this.newFrom = firstUnread(messages);
    await this.show(messages, waiting);
    this.isReady = true;
    this.use();
    if (messages.length < PIECE && this.low > 1) await this.earlier();
    else if (messages.length === 0 && !this.chat?.isMade) await this.fetch(END);
  }

  /** Loads a piece around a message, from this device or from the server. Resolves to whether it could be had. */
  private async loadAround(at: number): Promise<boolean> {
    const { local } = this.app;
    const end = at + PIECE / 2;
    const here = () => local.messages(this.chatId, Math.max(1, at - PIECE / 2), end, PIECE);
    let messages = await here();
    const isWhole = () => messages.some(({ position }) => position === at) && gapBelow(messages) === undefined;
    if (!isWhole() && (await this.fetch(end))) messages = await here();
    const found = messages.find(({ position }) => position === at);
    if (found === undefined) return false;
    this.foundId = found.messageId;
    this.low = messages[0]?.position ?? 1;
    this.before = end > (this.chat?.last?.position ?? 0) ? END : end;
    const held = await local.conversation(this.chatId, this.low, this.before, PIECE);
    await this.show(held.messages, this.hasNewest ? held.waiting : []);
    this.isReady = true;
    this.use();
    return true;
  }

  /** Whether the newest messages are among those that are held. */
  get hasNewest(): boolean {
    return this.before === END;
  }

  /** Reads what is held anew: once for all changes that come while it reads. */
  private reload(): Promise<void> {
    if (!this.isReady) return this.open();
    this.mustReload = true;
    this.reloading ??= this.reloadAll();
    return this.reloading;
  }

  private async reloadAll(): Promise<void> {
    try {
      while (this.mustReload) {
        this.mustReload = false;
        await this.reloadOnce();
      }
    } catch {
      // What is shown stays as it was; the next change reads again.
    } finally {
      // In the step in which the last look was: who asks from now on begins anew.
      this.reloading = undefined;
    }
  }

  private async reloadOnce(): Promise<void> {
    const { local } = this.app;
    this.chat = await local.chat(this.chatId);
    const held = await local.conversation(this.chatId, this.low, this.before, END);
    const messages = this.bounded(held.messages);
    const waiting = this.hasNewest ? held.waiting : [];
    // What came while nobody looked is new, where nothing else is.
    if (this.newFrom === undefined && !this.isLookedAt()) this.newFrom = firstUnread(messages);
    await this.show(messages, waiting);
  }

  private async show(messages: Message[], waiting: (Act & ReplyAct)[]): Promise<void> {
    const quoted = new Map(messages.map((message) => [message.messageId, message]));
    for (const id of [...messages, ...waiting].map(({ replyTo }) => replyTo)) {
      const missing = id !== undefined && !quoted.has(id) ? await this.app.local.message(id) : undefined;
      if (missing !== undefined) quoted.set(missing.messageId, missing);
    }
    this.quoted = quoted;
    this.messages = messages;
    this.waiting = waiting;
    const gap = gapBelow(messages);
    if (gap !== undefined && !this.asked.has(gap)) {
      this.asked.add(gap);
      void this.fetch(gap);
    }
  }

  /** Lets go of what is furthest from where the person looks. */
  private bounded(messages: Message[]): Message[] {
    const over = messages.length - HELD_MAX;
    if (over <= PIECE) return messages;
    const seen = this.newestOnScreen?.position ?? END;
    if ((messages[messages.length >> 1]?.position ?? 0) < seen) {
      this.low = messages[over]?.position ?? this.low;
      this.isAtBeginning = false;
      return messages.slice(over);
    }
    this.before = messages[HELD_MAX]?.position ?? this.before;
    return messages.slice(0, HELD_MAX);
  }

  /** Loads a piece that stands behind what is held: it was here before, and where some of it went a gap is shown and filled. */
  async later(): Promise<void> {
    if (this.isLoading || this.hasNewest || !this.isReady) return;
    this.isLoading = true;
    const next = this.before + PIECE;
    this.before = next > (this.chat?.last?.position ?? 0) ? END : next;
    await this.reload();
    this.isLoading = false;
  }

  /** Holds the newest ones again. */
  async toNewest(): Promise<void> {
    if (this.hasNewest) return;
    const { messages } = await this.app.local.conversation(this.chatId, 1, END, PIECE);
    this.low = messages[0]?.position ?? 1;
    this.before = END;
    this.isAtBeginning = false;
    this.onScreen = [];
    await this.reload();
  }

  /** Loads a piece that stands before what is loaded: from this device, else from the server. */
  async earlier(): Promise<void> {
    if (this.isLoading || this.isAtBeginning || !this.isReady) return;
    if (this.low <= 1) {
      this.isAtBeginning = true;
      return;
    }
    this.isLoading = true;
    try {
      await this.loadEarlier();
    } catch {
      // The device gave no answer: scrolling there again asks again.
    }
    this.isLoading = false;
  }

  /** The device drops old messages of chats that nobody looks into first. */
  private use(): void {
    this.app.local.use(this.chatId, Date.now()).catch(() => {});
  }

  private async loadEarlier(): Promise<void> {
    this.use();
    const before = this.low;
    const here = () => this.app.local.messages(this.chatId, 1, before, PIECE);
    let found = await here();
    if (found.length < PIECE && (found.at(-1)?.position ?? 0) !== before - 1) {
      // Nothing older is here: without contact this is as far as it goes now.
      if (await this.fetch(before)) found = await here();
      if (found.length === 0) this.isAtBeginning = this.app.contact === "live";
    }
    if (found[0] !== undefined) {
      this.low = found[0].position;
      await this.reload();
    }
  }

  private fetch(before: number): Promise<boolean> {
    return this.app.fetchBefore(this.chatId, before);
  }

  /** The newest message that was on the screen: what a reply written now has read. */
  get newestOnScreen(): Message | undefined {
    const rows = this.onScreen.filter((row) => row.kind === "message");
    return rows.at(-1)?.message;
  }

  seen(rows: Row[]): void {
    this.onScreen = rows;
    this.markRead();
  }

  private isLookedAt(): boolean {
    return this.app.isVisible && this.app.alarming === undefined;
  }

  /** What is on the screen of a visible page has been read; what an emergency covers has not. */
  markRead(): void {
    if (!this.isLookedAt() || !this.isReady) return;
    const messages = this.onScreen.flatMap((row) => (row.kind === "message" ? [row.message] : []));
    const upTo = messages.at(-1)?.position;
    if (upTo === undefined) return;
    const emergencies = messages.filter((m) => m.priority === 1 && !m.mine && !isAtLeast(m.state, "read"));
    // Said already: scrolling asks with each step.
    if (upTo <= (this.chat?.readTo ?? 0) && emergencies.length === 0) return;
    void this.app.markRead(
      this.chatId,
      upTo,
      emergencies.map(({ messageId }) => messageId),
    );
  }
}
