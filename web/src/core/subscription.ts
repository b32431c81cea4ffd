// The subscription to push: kept in step with what the server knows and what the person allows. It knows no browser.

import type { Net } from "./net.ts";

/** What the server says about push. */
export interface PushState {
  /** The key that subscriptions are made with; none where push is switched off. */
  publicKey: string | null;
  subscription: { endpointHost: string; createdAt: string; provenAt?: string | null; lastError?: string | null } | null;
}

export interface Subscription {
  /** What the server is to be told: where to post, and the keys. */
  body: { endpoint: string; keys: { p256dh: string; auth: string } };
  /** The key that it was made with, where the browser tells. */
  key: string | undefined;
}

/** The browser's half. */
export interface Pusher {
  isAllowed(): boolean;
  current(): Promise<Subscription | undefined>;
  subscribe(key: string): Promise<Subscription>;
  unsubscribe(): Promise<void>;
}

const PATH = "/api/v1/push/subscription";

export function readPushState(net: Net): Promise<PushState> {
  return net.call<PushState>("GET", "/api/v1/push");
}

/**
 * Puts right what is not: a subscription that was lost, or made with another key, is made again; one that is not wanted or
 * not allowed any more is taken away on both sides. Resolves to what the server says then.
 */
export async function keepInStep(net: Net, pusher: Pusher, isWanted: boolean): Promise<PushState> {
  const state = await readPushState(net);
  let current = await pusher.current();
  if (!isWanted || state.publicKey === null || !pusher.isAllowed()) {
    if (current !== undefined) await pusher.unsubscribe();
    if (state.subscription !== null) await net.call("DELETE", PATH);
    return { ...state, subscription: null };
  }
  if (current?.key !== undefined && current.key !== state.publicKey) {
    await pusher.unsubscribe();
    current = undefined;
  }
  current ??= await pusher.subscribe(state.publicKey);
  // Said each time: the same again changes nothing, and the server tells only the host of what it has.
  const subscription = await net.call<PushState["subscription"]>("PUT", PATH, current.body);
  return { ...state, subscription };
}

/** The same bytes in the form that the server uses. */
export function base64Url(bytes: ArrayBuffer): string {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
