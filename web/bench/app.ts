// How fast the app is, in a real Chromium against the real program: `node bench/run.js [--quick] [--json]`.

import { rmSync } from "node:fs";
import { Figures, QUICK, WHOLE } from "./figure.ts";
import { Filled } from "./filled.ts";
import { badLink } from "./link.ts";
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
    if (view.screen.faults.length > 0) throw new Error(view.screen.faults.join("\n"));
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
  await onManyChats(figures);
  say("a bad link …");
  await badLink(figures);
  const { rows, aims } = figures;
  if (words.includes("--json")) return void process.stdout.write(`${JSON.stringify({ rows, aims })}\n`);
  for (const { what, aim, measured, worst, samples, note } of rows)
    process.stdout.write(`${what}: ${measured} (worst ${worst || "–"}; aim ${aim || "–"}; ${samples}) ${note}\n`);
  for (const { what, measured, met } of aims)
    process.stdout.write(`${met ? "met   " : "MISSED"} ${what}: ${measured}\n`);
}
