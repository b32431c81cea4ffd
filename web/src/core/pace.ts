// How often one looks at what may change faster than one can look: at once after a rest, then at intervals.

import type { Clock } from "./net.ts";

export class Pace {
  private readonly clock: Clock;
  private readonly ms: number;
  private lookedAt = Number.NEGATIVE_INFINITY;
  private isUrgent = false;
  private endRest: () => void = () => {};

  /** `ms` is the least time between two looks. */
  constructor(clock: Clock, ms: number) {
    this.clock = clock;
    this.ms = ms;
  }

  /** Resolves when the next look is due. One waits at a time. */
  async next(): Promise<void> {
    // A clock that is set back makes nobody wait longer.
    const left = Math.min(this.ms, this.lookedAt + this.ms - this.clock.now());
    if (left > 0 && !this.isUrgent)
      await new Promise<void>((go) => {
        const cancel = this.clock.after(left, go);
        this.endRest = () => {
          cancel();
          go();
        };
      });
    this.isUrgent = false;
    this.lookedAt = this.clock.now();
  }

  /** The next look is due at once. */
  hurry(): void {
    this.isUrgent = true;
    this.endRest();
  }
}
