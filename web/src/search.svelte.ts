// What is looked for, and what was found: by the server, and where it cannot be asked, on this device.

import { net } from "./browser.ts";
import type { Local } from "./core/local.ts";
import type { Hit, Wanted } from "./core/search.ts";
import { isWanted, searchHere, searchServer } from "./core/search.ts";

/** How long one types before the server is asked. */
const PAUSE_MS = 250;

export class Search {
  text = $state("");
  /** Whose messages; "" is everybody's. */
  from = $state("");
  /** Days, as a field for dates has them; "" where it is open. */
  since = $state("");
  until = $state("");
  hits = $state.raw<Hit[]>([]);
  next = $state<string | undefined>();
  indexedUpTo = $state<string | undefined>();
  /** Whether what is shown was found on this device alone. */
  isHere = $state(false);
  /** Whether what is shown is the answer to what is looked for. */
  isDone = $state(true);
  readonly wanted: Wanted = $derived({
    text: this.text,
    from: this.from === "" ? undefined : this.from,
    after: startOf(this.since, 0),
    before: startOf(this.until, 1),
  });
  readonly isOpen = $derived(isWanted(this.wanted));

  private readonly local: Local;
  private turn = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(local: Local) {
    this.local = local;
  }

  clear(): void {
    this.text = this.from = this.since = this.until = "";
    this.changed();
  }

  /** Something else is looked for: asked after a pause, and what an earlier question still finds is not shown. */
  changed(): void {
    this.turn += 1;
    clearTimeout(this.timer);
    this.isDone = !this.isOpen;
    if (!this.isOpen) {
      this.hits = [];
      this.next = this.indexedUpTo = undefined;
      return;
    }
    const turn = this.turn;
    this.timer = setTimeout(() => void this.ask(turn), PAUSE_MS);
  }

  private async ask(turn: number): Promise<void> {
    const { wanted } = this;
    let isHere = false;
    const found = await searchServer(net, wanted).catch(async () => {
      isHere = true;
      return searchHere(await this.local.look((tx) => tx.all("messages")), wanted);
    });
    if (turn !== this.turn) return;
    this.hits = found.hits;
    this.next = found.next;
    this.indexedUpTo = found.indexedUpTo;
    this.isHere = isHere;
    this.isDone = true;
  }

  /** The next page, behind what is shown. */
  async more(): Promise<void> {
    const { turn, next } = this;
    if (next === undefined) return;
    this.isDone = false;
    try {
      const found = await searchServer(net, this.wanted, next);
      if (turn !== this.turn) return;
      this.hits = [...this.hits, ...found.hits];
      this.next = found.next;
    } catch {
      // It can be pressed again.
    }
    if (turn === this.turn) this.isDone = true;
  }
}

/** When a day begins here, or the one so many after it. */
function startOf(day: string, later: number): string | undefined {
  const [year, month, date] = day.split("-").map(Number);
  if (!year || !month || !date) return undefined;
  return new Date(year, month - 1, date + later).toISOString();
}
