// The pace of what is looked at: fast where little happens, at intervals where much does, at once where it is urgent.

import { expect, test } from "vitest";
import type { Clock } from "../src/core/net.ts";
import { Pace } from "../src/core/pace.ts";

/** A clock that stands until it is moved. */
class Hand implements Clock {
  at = 1_000;
  private readonly timers = new Set<{ at: number; run: () => void }>();

  now(): number {
    return this.at;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.at + ms, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  get waits(): number {
    return this.timers.size;
  }

  async move(ms: number): Promise<void> {
    this.at += ms;
    for (const timer of [...this.timers])
      if (timer.at <= this.at) {
        this.timers.delete(timer);
        timer.run();
      }
    // What waited for it goes on.
    for (let n = 0; n < 5; n++) await Promise.resolve();
  }
}

function begun() {
  const clock = new Hand();
  const pace = new Pace(clock, 100);
  const looks: number[] = [];
  const look = async () => {
    await pace.next();
    looks.push(clock.at);
  };
  return { clock, pace, looks, look };
}

test("after a rest one looks at once, and again when the interval is over", async () => {
  const { clock, looks, look } = begun();
  await look();
  void look();
  await clock.move(99);
  expect(looks).toEqual([1_000]);
  await clock.move(1);
  expect(looks).toEqual([1_000, 1_100]);
  await clock.move(100);
  await look();
  expect(looks).toEqual([1_000, 1_100, 1_200]);
});

test("what is urgent ends the interval, whether somebody waits for it or not, and only that one", async () => {
  const { clock, pace, looks, look } = begun();
  await look();
  void look();
  await clock.move(10);
  pace.hurry();
  await clock.move(0);
  expect(looks).toEqual([1_000, 1_010]);
  expect(clock.waits).toBe(0);
  pace.hurry();
  await look();
  expect(looks).toEqual([1_000, 1_010, 1_010]);
  void look();
  await clock.move(99);
  expect(looks.length).toBe(3);
});

test("a clock that is set back lets nobody wait longer than the interval", async () => {
  const { clock, looks, look } = begun();
  await look();
  clock.at -= 500;
  void look();
  await clock.move(100);
  expect(looks).toEqual([1_000, 600]);
});
