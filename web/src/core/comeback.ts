// When one comes back to the server after a loss, and whether as one who knows nothing. Pure.

import type { Problem } from "./wire.ts";

/** Waits between two tries: from the first to the longest, each drawn at random between half and all of it. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

export function waitAfter(tries: number, random: () => number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries) * (0.5 + random() / 2);
}

/** Whether a hello was refused because the log that it named is another one now, or does not reach back so far. */
export function mustBeginAnew(refusal: Problem | undefined): boolean {
  return refusal !== undefined && ["epoch_changed", "ahead_of_log", "log_truncated"].includes(refusal.code);
}
