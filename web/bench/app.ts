// How fast the app is, in a real Chromium against the real program: `node bench/run.js [--quick] [--json]`.

import { rmSync } from "node:fs";
import { desk } from "./desk.ts";
import { Figures, QUICK, WHOLE } from "./figure.ts";
import { Filled } from "./filled.ts";
import { BadLink } from "./link.ts";
import { arrivals, firstLoad, list, openings, scrolling, signIn } from "./parts.ts";
import type { View } from "./view.ts";

async function onManyChats(figures: Figures): Promise<void> {
  say("filling a store …");
  const filled = await Filled.start(figures.sizes);
  let view: View | undefined;
  try {
    say("first load …");
    view = await firstLoad(filled, figures);
    say("signing in, and the list …");
    await signIn(view, filled, figures);
    for (const part of [openings, scrolling, list, arrivals]) {
      say(`${part.name} …`);
      await part(view, filled, figures);
    }
    // A page that is left or cleared while its service worker registers breaks that off: here, that is our own doing.
    const faults = view.screen.faults.filter((fault) => !fault.includes("Failed to register a ServiceWorker"));
    if (faults.length > 0) throw new Error(faults.join("\n"));
  } finally {
    await view?.close();
    if (view !== undefined) rmSync(view.screen.folder, { recursive: true, force: true });
    await filled.server.remove();
  }
}

const say = (words: string) => process.stderr.write(`the app: ${words}\n`);

export async function main(words: string[]): Promise<void> {
  const unknown = words.find((word) => !["--quick", "--json"].includes(word));
  if (unknown !== undefined) throw new Error(`${unknown} is unknown: --quick and --json are`);
  const figures = new Figures(words.includes("--quick") ? QUICK : WHOLE);
  say("a bad link, beside all that follows …");
  const link = await BadLink.begin(figures.sizes.written);
  try {
    await onManyChats(figures);
    say("the rest of the bad link …");
    await link.end(figures);
    say("the desk …");
    await desk(figures);
  } finally {
    await link.close();
  }
  const { rows, aims } = figures;
  if (words.includes("--json")) return void process.stdout.write(`${JSON.stringify({ rows, aims })}\n`);
  for (const { what, aim, measured, worst, samples, note } of rows)
    process.stdout.write(`${what}: ${measured} (worst ${worst || "–"}; aim ${aim || "–"}; ${samples}) ${note}\n`);
  for (const { what, measured, met } of aims)
    process.stdout.write(`${met ? "met   " : "MISSED"} ${what}: ${measured}\n`);
}
