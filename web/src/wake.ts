// Keeps the screen on while the app is in front, where the person wants that: a browser takes it back whenever the page is
// hidden, so it is asked for again.

import { keep } from "./look.ts";

const NAME = "crewline.awake";

interface Lock {
  readonly released: boolean;
  release(): Promise<void>;
}
const locks = (navigator as { wakeLock?: { request(kind: "screen"): Promise<Lock> } }).wakeLock;

let lock: Lock | undefined;

export const canStayAwake = locks !== undefined;

export function isAwakeWanted(): boolean {
  return localStorage.getItem(NAME) === "on";
}

export async function setAwake(isWanted: boolean): Promise<void> {
  keep(NAME, isWanted ? "on" : "");
  await stayAwake();
}

/** Asks for it, or gives it back. Resolves to whether the screen stays on now. */
export async function stayAwake(): Promise<boolean> {
  if (!isAwakeWanted()) {
    await lock?.release();
    lock = undefined;
    return false;
  }
  if (lock?.released === false) return true;
  if (locks === undefined || document.visibilityState !== "visible") return false;
  try {
    lock = await locks.request("screen");
    return true;
  } catch {
    // The device refuses, with little battery for one. It is asked again when the page comes to the front.
    return false;
  }
}

document.addEventListener("visibilitychange", () => void stayAwake());
