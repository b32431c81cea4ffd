// One connection: hello, welcome, events, acks, commands. It stores before it acks, and lives until its line is closed.

import type { Applied } from "./apply.ts";
import type { Local } from "./local.ts";
import type { Clock, Line, Net } from "./net.ts";
import { CallError } from "./net.ts";
import type { Command, Problem, ServerFrame } from "./wire.ts";

/** How long a server may take to say welcome. */
const WELCOME_MS = 15_000;
/** How long a command may go unanswered on a line where nothing else is heard. */
const ANSWER_MS = 20_000;
/** A code of our own for a line on which nothing is heard any more. */
export const SILENT = 3001;

export interface SessionEvents {
  welcomed(): void;
  /** Anything was heard: there is contact. */
  heard(): void;
  arrived(applied: Applied): void;
  /** The last word, once. `refusal` where the hello was refused. */
  ended(code: number, reason: string, refusal?: Problem): void;
}

export class Session {
  private readonly local: Local;
  private readonly clock: Clock;
  private readonly events: SessionEvents;
  private readonly line: Line;
  private readonly waiting = new Map<number, { resolve: (ok: unknown) => void; reject: (error: CallError) => void }>();
  private nextId = 1;
  private chain: Promise<void> = Promise.resolve();
  private refusal: Problem | undefined;
  private isOver = false;
  private isWelcome = false;
  private heartbeatMs = 15_000;
  private cancelTimer: () => void = () => {};

  constructor(local: Local, net: Net, clock: Clock, log: { epoch: string; seq: number }, events: SessionEvents) {
    this.local = local;
    this.clock = clock;
    this.events = events;
    this.line = net.open({
      opened: () => {
        // A line that was given up meanwhile says nothing.
        if (!this.isOver) this.line.send(JSON.stringify({ hello: { after: log.seq, epoch: log.epoch } }));
      },
      text: (text) => this.hear(text, log.seq),
      closed: (code, reason) => this.end(code, reason),
    });
    this.expect(WELCOME_MS);
  }

  get isLive(): boolean {
    return this.isWelcome && !this.isOver;
  }

  /** Says a command and resolves to its answer; rejects where it was refused, or the line ended before the answer. */
  command<T>(command: Command): Promise<T> {
    if (!this.isLive) return Promise.reject(new CallError(0));
    const id = this.nextId++;
    const answer = new Promise<unknown>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.line.send(JSON.stringify({ do: { id, ...command } }));
    this.expect(ANSWER_MS);
    return answer as Promise<T>;
  }

  /** Asks whether anybody is there: a browser does not tell a page of the server's pings. */
  probe(): void {
    if (!this.isLive) return;
    // Refused at the edge, since nothing is said by it: the answer is all that is wanted.
    this.command({ receipts: [] }).catch(() => {});
  }

  close(): void {
    this.end(1000, "");
  }

  private hear(text: string, after: number): void {
    if (this.isOver) return;
    const frame = JSON.parse(text) as ServerFrame;
    if ("welcome" in frame) {
      this.isWelcome = true;
      this.heartbeatMs = frame.welcome.heartbeatS * 1000;
      // It may have been lost with the line before.
      if (after > 0) this.line.send(JSON.stringify({ ack: after }));
      this.events.welcomed();
    } else if ("events" in frame) {
      const last = frame.events.at(-1)?.seq;
      this.chain = this.chain.then(async () => {
        if (this.isOver) return;
        const applied = await this.local.takeEvents(frame.events);
        // Stored: only now is it said.
        if (last !== undefined && !this.isOver) this.line.send(JSON.stringify({ ack: last }));
        this.events.arrived(applied);
      });
      // What cannot be stored is not acked, and comes again.
      this.chain.catch(() => this.end(SILENT, "the device could not store what came"));
    } else if ("done" in frame) {
      const { done } = frame;
      const waiter = this.waiting.get(done.id);
      this.waiting.delete(done.id);
      if ("ok" in done) waiter?.resolve(done.ok);
      else waiter?.reject(new CallError(done.error.status, done.error));
    } else if ("error" in frame) {
      this.refusal = frame.error;
    }
    this.events.heard();
    this.expect(this.waiting.size > 0 ? ANSWER_MS : undefined);
  }

  /** Waits for the next word: a command's answer, or after two heartbeats the answer to a probe. */
  private expect(ms: number | undefined): void {
    this.cancelTimer();
    if (this.isOver) return;
    this.cancelTimer =
      ms === undefined
        ? this.clock.after(this.heartbeatMs * 2, () => this.probe())
        : this.clock.after(ms, () => this.end(SILENT, "nothing was heard"));
  }

  private end(code: number, reason: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.cancelTimer();
    this.line.close();
    for (const { reject } of this.waiting.values()) reject(new CallError(0));
    this.waiting.clear();
    this.events.ended(code, reason, this.refusal);
  }
}
