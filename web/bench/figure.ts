// What was measured, as words for a table: the aim beside it.

export interface Row {
  what: string;
  aim: string;
  measured: string;
  worst: string;
  samples: string;
  note: string;
}

export interface Aim {
  what: string;
  measured: string;
  met: boolean;
}

export interface Sizes {
  messages: number;
  chats: number;
  openings: number;
  /** How often a page is loaded. */
  loads: number;
  /** Messages from another person, one after the other. */
  arrivals: number;
  /** Seconds of scrolling, each way of it. */
  scrollS: number;
  /** Messages that are written on the bad link. */
  written: number;
  /** People at the desk. */
  people: number;
}

export const WHOLE: Sizes = {
  messages: 10_000,
  chats: 1_000,
  openings: 24,
  loads: 10,
  arrivals: 60,
  scrollS: 6,
  written: 20,
  people: 500,
};
export const QUICK: Sizes = {
  messages: 400,
  chats: 60,
  openings: 3,
  loads: 2,
  arrivals: 5,
  scrollS: 1,
  written: 2,
  people: 40,
};

export const thousands = (n: number) => n.toLocaleString("en-US");

/** The middle one, and the one that a share of them are below. */
export function share(values: number[], of: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * of))] ?? Number.NaN;
}

export class Figures {
  readonly rows: Row[] = [];
  readonly aims: Aim[] = [];
  readonly sizes: Sizes;

  constructor(sizes: Sizes) {
    this.sizes = sizes;
  }

  row(row: Partial<Row> & { what: string }): void {
    this.rows.push({ aim: "", measured: "", worst: "", samples: "", note: "", ...row });
  }

  /** A row of times in milliseconds, beside an aim for the worst of them, or for nothing. */
  times(what: string, values: number[], below: number | undefined, note = ""): void {
    const worst = Math.max(...values);
    this.row({
      what,
      aim: below === undefined ? "" : `${below} ms`,
      measured: `${share(values, 0.5).toFixed(0)} ms`,
      worst: `${worst.toFixed(0)} ms`,
      samples: String(values.length),
      note,
    });
    if (below !== undefined) this.aim(`${what}: below ${below} ms, each time`, `${worst.toFixed(0)} ms`, worst < below);
  }

  aim(what: string, measured: string, met: boolean): void {
    this.aims.push({ what: `app, ${what}`, measured, met });
  }
}
