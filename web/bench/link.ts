// The bad link: 20 kbit/s, 2 s there and back, every fifth packet lost. It waits most of the time, so that other things can
// be measured beside it.

import { rmSync } from "node:fs";
import { drawn, Link } from "../e2e/link.ts";
import { Server } from "../e2e/server.ts";
import type { Figures } from "./figure.ts";
import { View } from "./view.ts";

const SHAPE = { bitsPerSecond: 20_000, roundTripMs: 2_000, loss: 0.2, retryMs: 3_000 };
/** What has not gone out by then is stuck. */
const STUCK_MS = 300_000;
const QUESTION = "Tell me what you see, pole by pole";

export class BadLink {
  private readonly server: Server;
  private readonly link: Link;
  private readonly view: View;
  private readonly texts: string[];
  private chatId = "";
  private emergencyId = "";
  private waiting = 0;
  /** How long it took until all was at the server; not a number where it is stuck. */
  private seconds: Promise<number> = Promise.resolve(Number.NaN);

  private constructor(server: Server, link: Link, view: View, count: number) {
    this.server = server;
    this.link = link;
    this.view = view;
    this.texts = Array.from({ length: count }, (_, n) => `Pole ${n + 1}: the line is down`);
  }

  /** Someone writes on it; it goes out by itself from then on. */
  static async begin(count: number): Promise<BadLink> {
    const server = await Server.start();
    const link = await Link.to(server.url, drawn(20));
    const bad = new BadLink(server, link, await View.open(link.url), count);
    await bad.write();
    return bad;
  }

  private async write(): Promise<void> {
    const { server, link, texts } = this;
    const { screen } = this.view;
    this.chatId = (await server.say("bob", ["alice"], QUESTION)).chatId;
    await screen.signIn("alice", `/chats/${this.chatId}`);
    await screen.message(QUESTION).waitFor();
    this.emergencyId = (await server.send(["alice"], "Stand clear of tower 31", 1)).messageId;
    await screen.button("Acknowledge").waitFor();
    // The link becomes bad, and its connections break, as where one drives into a valley.
    link.shape = SHAPE;
    link.cut();
    const begun = performance.now();
    await screen.button("Acknowledge").click();
    await screen.page.getByRole("alertdialog").waitFor({ state: "detached" });
    for (const text of texts) await screen.write(text);
    this.waiting = await screen.log.getByText("Waiting", { exact: true }).count();
    const last = screen.message(texts.at(-1) ?? "").getByText(/At server|Delivered|Read/);
    this.seconds = last.waitFor({ timeout: STUCK_MS }).then(
      () => (performance.now() - begun) / 1000,
      () => Number.NaN,
    );
  }

  /** Waits for all of it, and compares what the server has. */
  async end(figures: Figures): Promise<void> {
    const { server, texts } = this;
    const seconds = await this.seconds;
    const kept = (await server.texts("bob", this.chatId)).slice(1);
    const different = new Set(kept).size;
    const isAcknowledged = (await server.state(this.emergencyId)).recipients[0]?.state === "acknowledged";
    const isSignedIn = (await this.view.screen.page.locator("main.app").count()) === 1;
    const measured = `${different} of ${texts.length} messages, ${kept.length - different} twice; acknowledged: ${isAcknowledged ? "yes" : "no"}`;
    figures.row({
      what: `20 kbit/s, 2 s there and back, 20 % loss: ${texts.length} messages and an acknowledgement go out`,
      aim: "all, once",
      measured,
      worst: Number.isNaN(seconds) ? "stuck" : `${seconds.toFixed(0)} s`,
      samples: "1",
      note: `a proxy of TCP, ${this.link.connections} connections; ${this.waiting} said "Waiting" when the last was written`,
    });
    const isSo = JSON.stringify(kept) === JSON.stringify(texts) && isAcknowledged && isSignedIn && seconds > 0;
    figures.aim("20 kbit/s, 2 s, 20 % loss: all goes out in order, nothing twice", measured, isSo);
  }

  async close(): Promise<void> {
    await this.view.close();
    rmSync(this.view.screen.folder, { recursive: true, force: true });
    await this.link.close();
    await this.server.remove();
  }
}
