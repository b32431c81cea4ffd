// The browser as the core wants it: the socket and the calls of this page's own server, the clock, the random numbers.

import type { Clock, Net } from "./core/net.ts";
import { CallError } from "./core/net.ts";
import type { Problem } from "./core/wire.ts";

/** How long a call may take before it counts as unanswered. */
const CALL_MS = 60_000;

export const net: Net = {
  open(events) {
    const url = new URL("/api/v1/socket", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    let isOver = false;
    const end = (code: number, reason: string) => {
      if (isOver) return;
      isOver = true;
      events.closed(code, reason);
    };
    socket.onopen = () => events.opened();
    socket.onmessage = (message) => events.text(String(message.data));
    socket.onclose = (close) => end(close.code, close.reason);
    return {
      send: (text) => socket.send(text),
      close: () => {
        isOver = true;
        socket.close();
      },
    };
  },

  async call<T>(method: string, path: string, body?: unknown, key?: string): Promise<T> {
    let response: Response;
    try {
      response = await fetch(path, {
        method,
        headers: {
          Accept: "application/json",
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...(key === undefined ? {} : { "Idempotency-Key": key }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        cache: "no-store",
        signal: AbortSignal.timeout(CALL_MS),
      });
      // Some answers say nothing beside their status: 204, and 201 of what was made under a name that the caller gave.
      const text = await response.text();
      const answer: unknown = text === "" ? undefined : JSON.parse(text);
      if (response.ok) return answer as T;
      throw new CallError(response.status, answer as Problem | undefined);
    } catch (error) {
      throw error instanceof CallError ? error : new CallError(0);
    }
  },
};

/** Until the next frame is drawn; not for long where none is, since the page is hidden. */
export function frame(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => resolve());
    setTimeout(resolve, 100);
  });
}

export const clock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** A UUID; `crypto.randomUUID` is there on secure pages alone. */
export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 15) | 64;
  bytes[8] = ((bytes[8] ?? 0) & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** This device's id: made once, and kept, whoever signs in. */
export function deviceId(): string {
  const known = localStorage.getItem("crewline.device");
  if (known !== null) return known;
  const made = uuid();
  localStorage.setItem("crewline.device", made);
  return made;
}

/** When the browser has nothing else to do, or soon where it does not say. */
export function idle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof requestIdleCallback === "function") requestIdleCallback(() => resolve(), { timeout: 5_000 });
    else setTimeout(resolve, 200);
  });
}

/** How much this page keeps on the device, where the browser says so. */
export async function keptBytes(): Promise<number | undefined> {
  return (await navigator.storage?.estimate?.())?.usage;
}

export const random = () => Math.random();
