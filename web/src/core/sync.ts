// Keeps this device and the server together: connects, begins from a snapshot where it must, follows the log, sends what
// waits, and comes back after a loss. It decides when; the session, the outbox and the store do the rest.

import type { Applied } from "./apply.ts";
import { mustBeginAnew, waitAfter } from "./comeback.ts";
import { END, type Local } from "./local.ts";
import type { Clock, Net } from "./net.ts";
import { CallError } from "./net.ts";
import { drain } from "./outbox.ts";
import { Session, SILENT } from "./session.ts";
import { readHistory, readPeople, readSnapshot } from "./snapshot.ts";
import type { Problem } from "./wire.ts";

/** Chats whose newest page is fetched ahead, so that it can be read without contact. */
const AHEAD = 30;

export type Contact = "connecting" | "live" | "lost" | "signedOut" | "stopped";

export interface Told {
  contact(contact: Contact): void;
  arrived(applied: Applied): void;
}

export class Sync {
  private readonly local: Local;
  private readonly net: Net;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly told: Told;
  private session: Session | undefined;
  /** Each try to connect has a number: what an earlier one still says is not listened to. */
  private turn = 0;
  private tries = 0;
  private isRunning = false;
  private mustBeginAnew = false;
  private isDraining = false;
  private hasMore = false;
  private cancelWait: (() => void) | undefined;
  private contactNoted = 0;

  constructor(local: Local, net: Net, clock: Clock, random: () => number, told: Told) {
    this.local = local;
    this.net = net;
    this.clock = clock;
    this.random = random;
    this.told = told;
  }

  start(): void {
    this.isRunning = true;
    this.told.contact("connecting");
    void this.connect();
  }

  stop(): void {
    this.isRunning = false;
    this.turn += 1;
    this.cancelWait?.();
    this.cancelWait = undefined;
    this.session?.close();
  }

  /** The network is back, or somebody looks at the page: no reason to wait any longer. */
  wake(): void {
    if (!this.isRunning) return;
    if (this.session?.isLive) this.session.probe();
    else if (this.cancelWait !== undefined) {
      this.tries = 0;
      void this.connect();
    }
  }

  /** The device says that it has no network. */
  offline(): void {
    this.session?.close();
  }

  /** Something was put into the outbox. */
  poke(): void {
    void this.send();
  }

  /** Fetches a page of older messages; resolves to whether there was contact to do so. */
  async fetchBefore(chatId: string, position: number): Promise<boolean> {
    try {
      // `next` of a page is the position of its oldest message.
      const page = await readHistory(this.net, chatId, position === END ? undefined : String(position));
      await this.local.takeHistory(chatId, page);
      this.poke();
      return true;
    } catch {
      return false;
    }
  }

  private async connect(): Promise<void> {
    const turn = ++this.turn;
    this.cancelWait?.();
    this.cancelWait = undefined;
    try {
      const [known, me] = await Promise.all([this.local.log(), this.local.me()]);
      let log = known;
      if (log === undefined || this.mustBeginAnew) {
        const snapshot = await readSnapshot(this.net, me?.userId ?? "");
        if (turn !== this.turn) return;
        await this.local.takeSnapshot(snapshot, true);
        this.mustBeginAnew = false;
        log = await this.local.log();
      }
      if (turn !== this.turn || log === undefined) return;
      this.session = new Session(this.local, this.net, this.clock, log, {
        welcomed: () => this.welcomed(turn),
        heard: () => this.heard(),
        arrived: (applied) => this.told.arrived(applied),
        ended: (code, reason, refusal) => void this.ended(turn, code, reason, refusal),
      });
    } catch (error) {
      if (turn !== this.turn) return;
      if (error instanceof CallError && error.status === 401) this.give("signedOut");
      else this.comeBack(undefined);
    }
  }

  private welcomed(turn: number): void {
    if (turn !== this.turn) return;
    this.tries = 0;
    this.told.contact("live");
    this.poke();
    void this.fetchAhead(turn);
  }

  private heard(): void {
    const now = this.clock.now();
    if (now - this.contactNoted < 5_000) return;
    this.contactNoted = now;
    void this.local.setContact(now).catch(() => {});
  }

  private async ended(turn: number, code: number, reason: string, refusal: Problem | undefined): Promise<void> {
    if (turn !== this.turn) return;
    this.session = undefined;
    if (!this.isRunning) return;
    if (mustBeginAnew(refusal)) {
      this.mustBeginAnew = true;
      return void this.connect();
    }
    if (code === 4100) return this.give("signedOut");
    if (code >= 4100 && code < 4200) return this.give("stopped");
    // A browser does not say why a handshake was refused: a call does.
    if (code !== SILENT && (await this.isSignedOut()) && turn === this.turn) return this.give("signedOut");
    if (turn === this.turn) this.comeBack(delayIn(reason));
  }

  private async isSignedOut(): Promise<boolean> {
    this.told.contact("lost");
    try {
      await this.net.call("GET", "/api/v1/me");
      return false;
    } catch (error) {
      return error instanceof CallError && error.status === 401;
    }
  }

  private give(contact: "signedOut" | "stopped"): void {
    this.stop();
    this.told.contact(contact);
  }

  private comeBack(delayMs: number | undefined): void {
    if (!this.isRunning) return;
    this.told.contact("lost");
    const wait = (delayMs ?? 0) + waitAfter(this.tries, this.random);
    this.tries += 1;
    this.cancelWait = this.clock.after(wait, () => void this.connect());
  }

  /** Sends what waits; one at a time, and once more when something came meanwhile. */
  private async send(): Promise<void> {
    if (this.isDraining) {
      this.hasMore = true;
      return;
    }
    const session = this.session;
    if (!session?.isLive) return;
    this.isDraining = true;
    this.hasMore = false;
    let retry = false;
    try {
      await drain(this.local, session);
    } catch {
      // Refused for now, or the line ended: then the next welcome sends it.
      retry = session.isLive;
    }
    this.isDraining = false;
    if (retry) this.clock.after(2_000 + this.random() * 2_000, () => void this.send());
    else if (this.hasMore || this.session !== session) await this.send();
  }

  /** The names of people, and the newest messages of the newest chats, while there is contact. */
  private async fetchAhead(turn: number): Promise<void> {
    try {
      await this.local.keepPeople(await readPeople(this.net));
      for (const chat of (await this.local.chats()).slice(0, AHEAD)) {
        if (turn !== this.turn || !this.session?.isLive) return;
        const stored = await this.local.messages(chat.chatId, 1, END, 20);
        if (stored.length < 20 && (stored[0]?.position ?? 2) > 1)
          await this.fetchBefore(chat.chatId, stored[0]?.position ?? END);
      }
    } catch {
      // Nothing depends on it; the next welcome tries again.
    }
  }
}

/** The delay that a close code carries: `comeBackMs=1500;` */
function delayIn(reason: string): number | undefined {
  const found = /^comeBackMs=(\d+);/.exec(reason);
  return found?.[1] === undefined ? undefined : Number(found[1]);
}
