// The bad link: 20 kbit/s, 2 s there and back, every fifth packet lost.

import { drawn, Link } from "../e2e/link.ts";
import { Server } from "../e2e/server.ts";
import type { Figures } from "./figure.ts";
import { View } from "./view.ts";

const SHAPE = { bitsPerSecond: 20_000, roundTripMs: 2_000, loss: 0.2, retryMs: 3_000 };
/** What has not gone out by then is stuck. */
const STUCK_MS = 240_000;
const AIM = "all, once";

export async function badLink(figures: Figures): Promise<void> {
  const server = await Server.start();
  const link = await Link.to(server.url, drawn(20));
  const view = await View.open(link.url);
  try {
    const first = await server.say("bob", ["alice"], "Tell me what you see, pole by pole");
    const { screen } = view;
    await screen.signIn("alice", `/chats/${first.chatId}`);
    await screen.message("Tell me what you see, pole by pole").waitFor();
    const emergency = await server.send(["alice"], "Stand clear of tower 31", 1);
    await screen.button("Acknowledge").waitFor();
    // The link becomes bad, and its connections break, as where one drives into a valley.
    link.shape = SHAPE;
    link.cut();
    const begun = performance.now();
    await screen.button("Acknowledge").click();
    const texts = Array.from({ length: figures.sizes.written }, (_, n) => `Pole ${n + 1}: the line is down`);
    for (const text of texts) await screen.write(text);
    const states = await view.screen.page.locator(".message.own").allTextContents();
    await screen
      .message(texts.at(-1) ?? "")
      .getByText(/At server|Delivered|Read/)
      .waitFor({ timeout: STUCK_MS });
    const seconds = (performance.now() - begun) / 1000;
    const kept = (await server.texts("bob", first.chatId)).slice(1);
    const acknowledged = (await server.state(emergency.messageId)).recipients[0]?.state === "acknowledged";
    const isOnce = JSON.stringify(kept) === JSON.stringify(texts) && acknowledged;
    const isIn = await screen.page.locator("main.app").count();
    const honest = states.filter((words) => words.includes("Waiting")).length;
    const measured = `${new Set(kept).size} of ${texts.length} messages, ${kept.length - new Set(kept).size} twice; acknowledged: ${acknowledged ? "yes" : "no"}`;
    figures.row({
      what: `20 kbit/s, 2 s there and back, 20 % loss: ${texts.length} messages and an acknowledgement go out`,
      aim: AIM,
      measured,
      worst: `${seconds.toFixed(0)} s`,
      samples: "1",
      note: `a proxy of TCP; ${honest} "Waiting" while they did; ${link.connections} connections`,
    });
    figures.aim("20 kbit/s, 2 s, 20 % loss: text goes out, nothing twice", measured, isOnce && isIn === 1);
  } finally {
    await view.close();
    await link.close();
    await server.remove();
  }
}
