// What the setup screen says of a device: what is proven, what is to do, and what cannot be done here. Pure.

import type { PushState } from "./subscription.ts";

/** What a browser and a person have told of this device. Undefined is what is not known yet. */
export interface Facts {
  isSecure: boolean;
  hasWorker: boolean;
  permission: "granted" | "denied" | "default" | undefined;
  /** When the sound was heard; a word where it was not. */
  sound: number | "silent" | undefined;
  isInstalled: boolean;
  install: "button" | "iphone" | "menu";
  hasPush: boolean;
  /** The person wants to be woken on this device. */
  wantsPush: boolean;
  push: PushState | undefined;
  /** Why push could not be switched on here. */
  pushFault: string | undefined;
  isTesting: boolean;
  /** How far this clock is before the server's, in milliseconds. */
  clockOffset: number | undefined;
}

export type CheckName = "notifications" | "sound" | "push" | "installed" | "connection" | "clock";
export type CheckState = "proven" | "todo" | "cannot";

/** One check. `says` names a text of the messages; the rest is what goes into it. */
export interface Check {
  name: CheckName;
  state: CheckState;
  says: string;
  detail?: string;
  at?: number;
}

/** More than this is told to the person. */
const CLOCK_MAX_MS = 30_000;

const ORDER: Record<CheckState, number> = { todo: 0, proven: 1, cannot: 2 };

/** The checks, what is to do on top; else in the order in which they are done. */
export function checksOf(facts: Facts): Check[] {
  const checks = [notifications(facts), sound(facts), push(facts), installed(facts), connection(facts), clock(facts)];
  const known = checks.filter((check) => check !== undefined);
  return known.sort((a, b) => ORDER[a.state] - ORDER[b.state]);
}

export function isAllProven(checks: Check[]): boolean {
  return checks.every(({ state }) => state !== "todo");
}

/** Whether it is known that nobody can wake this device: it cannot be had here, or there is no way to it. */
export function isAsleep(checks: Check[]): boolean {
  const push = checks.find(({ name }) => name === "push");
  return push !== undefined && (push.state === "cannot" || push.says === "fault" || push.says === "unreached");
}

function notifications({ isSecure, permission }: Facts): Check {
  const name = "notifications";
  if (permission === "granted") return { name, state: "proven", says: "allowed" };
  if (!isSecure) return { name, state: "cannot", says: "insecure" };
  if (permission === undefined) return { name, state: "cannot", says: "none" };
  return permission === "denied" ? { name, state: "todo", says: "denied" } : { name, state: "todo", says: "ask" };
}

function sound({ sound }: Facts): Check {
  const name = "sound";
  if (sound === undefined) return { name, state: "todo", says: "play" };
  return sound === "silent"
    ? { name, state: "todo", says: "silent" }
    : { name, state: "proven", says: "heard", at: sound };
}

function push(facts: Facts): Check | undefined {
  const name = "push";
  const cannot = (says: string, detail?: string): Check => ({
    name,
    state: "cannot",
    says,
    ...(detail ? { detail } : {}),
  });
  if (!facts.isSecure) return cannot("insecure");
  if (!facts.hasWorker || !facts.hasPush) return cannot(facts.install === "iphone" ? "iphone" : "none");
  if (facts.push === undefined) return undefined;
  if (facts.push.publicKey === null) return cannot("off");
  if (facts.permission !== "granted") return { name, state: "todo", says: "permission" };
  const { subscription } = facts.push;
  if (facts.pushFault !== undefined) return { name, state: "todo", says: "fault", detail: facts.pushFault };
  if (!facts.wantsPush || subscription === null) return { name, state: "todo", says: "start" };
  // What failed since is newer than what was proven: the server forgets it when one arrives.
  if (subscription.lastError) return { name, state: "todo", says: "unreached", detail: subscription.lastError };
  if (subscription.provenAt) return { name, state: "proven", says: "proven", at: Date.parse(subscription.provenAt) };
  return { name, state: "todo", says: facts.isTesting ? "testing" : "unproven", detail: subscription.endpointHost };
}

function installed({ isInstalled, install, isSecure }: Facts): Check {
  const name = "installed";
  if (isInstalled) return { name, state: "proven", says: "yes" };
  if (!isSecure) return { name, state: "cannot", says: "insecure" };
  // A browser that offers nothing may have it in its menu, or not at all.
  return { name, state: install === "menu" ? "cannot" : "todo", says: install };
}

function connection({ isSecure }: Facts): Check {
  return isSecure
    ? { name: "connection", state: "proven", says: "secure" }
    : { name: "connection", state: "cannot", says: "insecure" };
}

function clock({ clockOffset }: Facts): Check | undefined {
  if (clockOffset === undefined) return undefined;
  const isOff = Math.abs(clockOffset) > CLOCK_MAX_MS;
  return { name: "clock", state: isOff ? "todo" : "proven", says: isOff ? "off" : "right" };
}

/** How far this clock is before the server's. The server's time is of a whole second: the middle of it is taken. */
export function offsetOf(askedAt: number, answeredAt: number, date: string): number | undefined {
  const server = Date.parse(date);
  return Number.isNaN(server) ? undefined : (askedAt + answeredAt) / 2 - (server + 500);
}

/** An offset in words that a person can use: tenths below ten seconds, else seconds, minutes or hours. */
export function offsetParts(ms: number): { sign: "+" | "−"; value: number; unit: "s" | "min" | "h" } {
  const sign = ms < 0 ? "−" : "+";
  const s = Math.abs(ms) / 1000;
  if (s < 10) return { sign, value: Math.round(s * 10) / 10, unit: "s" };
  if (s < 120) return { sign, value: Math.round(s), unit: "s" };
  if (s < 7200) return { sign, value: Math.round(s / 60), unit: "min" };
  return { sign, value: Math.round(s / 3600), unit: "h" };
}
