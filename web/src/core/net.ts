// What the sync needs of the world: a line to the server, calls, a clock. The browser's are in ../browser.ts, the tests
// have their own.

import type { FieldError, Problem } from "./wire.ts";

/** A call that failed: with the server's problem, or with `status` 0 where nobody answered. */
export class CallError extends Error {
  readonly status: number;
  readonly code: string;
  /** The fields at fault, where fields are. */
  readonly fields: FieldError[];

  constructor(status: number, problem?: Problem) {
    super(problem?.detail ?? "nobody answered");
    this.status = status;
    this.code = problem?.code ?? "";
    this.fields = problem?.errors ?? [];
  }
}

export interface LineEvents {
  opened(): void;
  text(text: string): void;
  /** Told once, whoever ended it. */
  closed(code: number, reason: string): void;
}

export interface Line {
  send(text: string): void;
  close(): void;
}

export interface Net {
  open(events: LineEvents): Line;
  /** `key` where the call may be repeated and must count once. */
  call<T>(method: string, path: string, body?: unknown, key?: string): Promise<T>;
}

export interface Clock {
  now(): number;
  /** Runs something later; the answer calls it off. */
  after(ms: number, run: () => void): () => void;
}
