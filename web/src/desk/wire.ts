// What the server says to a desk, as far as it needs it: docs/reference-http.md.

import type { Phrase } from "../core/wire.ts";

export interface Present {
  userId: string;
  name: string;
  role?: string | null;
  onDuty?: boolean | null;
  by?: "app" | "push" | null;
  lastContactAt?: string | null;
  /** The device that was last heard of. */
  deviceName?: string | null;
}

export interface PresencePage {
  people: Present[];
  next?: string | null;
  version: number;
}

export interface Reach {
  recipients: number;
  reachable: number;
  people: { userId: string; by?: "app" | "push" | null }[];
}

export interface Organisation {
  phrases: { phrases: Phrase[] };
}

export interface Seats {
  seats: { userId: string; name: string; since: string }[];
}
