// The desk with much going on: many people, many chats, and events from all sides.

import { rmSync } from "node:fs";
import { Server } from "../e2e/server.ts";
import type { Figures } from "./figure.ts";
import { thousands } from "./figure.ts";
import { together } from "./filled.ts";
import { View } from "./view.ts";

/** Events a second, and how many of the people say receipts. */
const RATE = 50;
const SAYING = 17;
const SYSTEM = "scada:north";
const SIZE = { width: 1600, height: 1000 };

const idOf = (n: number) => `person${String(n).padStart(3, "0")}`;

class Control {
  readonly server: Server;
  readonly people: string[];
  readonly chats: number;

  constructor(server: Server, people: string[], chats: number) {
    this.server = server;
    this.people = people;
    this.chats = chats;
  }

  static async start(people: number, chats: number): Promise<Control> {
    const server = await Server.start({
      people: { ana: "Ana Ferreira" },
      roles: { ana: "dispatcher" },
      crowd: Array.from({ length: people }, (_, n) => [idOf(n), `Person ${n}`]),
    });
    const control = new Control(
      server,
      Array.from({ length: people }, (_, n) => idOf(n)),
      chats,
    );
    server.watch("ana", SYSTEM);
    for (let group = 0; group * SAYING < people; group++) {
      const userIds = control.people.slice(group * SAYING, (group + 1) * SAYING);
      await server.call("ana", "PUT", `/api/v1/groups/crew-${group}`, { name: `Crew ${group}`, userIds });
    }
    // Half of the chats are of the desk, half are of the control system that it watches; in all of them somebody is silent.
    await together(chats / 2, (n) => control.told(n, `Telegram of system ${n}`));
    await together(chats / 2, (n) => server.send([idOf(n % people), idOf((n * 7 + 1) % people)], `Order ${n}`, 3));
    return control;
  }

  /** A message to the desk from one of many systems. */
  told(n: number, message: string): Promise<unknown> {
    return this.server.call("scada:*", "POST", "/api/v1/messages", {
      fromExtUserId: `scada:${n}`,
      fromExtUserName: `System ${n}`,
      toUsers: [{ toUserId: "ana" }],
      message,
    });
  }

  /** So many events, at their rate: receipts of what the control system sends, and messages to the desk. */
  async go(seconds: number): Promise<void> {
    const saying = this.people.slice(0, SAYING);
    const begun = performance.now();
    const under: Promise<unknown>[] = [];
    let message = await this.server.send(saying, "Emergency 0", 1);
    for (let n = 0; n < seconds * RATE; n++) {
      const wait = begun + (n * 1000) / RATE - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const turn = n % 100;
      if (turn === 99) message = await this.server.send(saying, `Emergency ${n}`, 1);
      else if (turn % 2 === 0) under.push(this.told((n * 7) % (this.chats / 2), `Telegram ${n}`));
      else {
        const state = ["delivered", "read", "acknowledged"][Math.floor(turn / 2 / SAYING)] ?? "acknowledged";
        const receipts = [{ messageId: message.messageId, state }];
        const who = saying[Math.floor(turn / 2) % SAYING] ?? "";
        under.push(this.server.call(who, "POST", "/api/v1/receipts", { receipts }));
      }
    }
    await Promise.all(under);
  }
}

export async function desk(figures: Figures): Promise<void> {
  const { people, chats, scrollS } = figures.sizes;
  const control = await Control.start(people, chats);
  const view = await View.open(control.server.url, { size: SIZE });
  try {
    const { page } = view.screen;
    await view.screen.signIn("ana");
    const work = page.getByRole("region", { name: "SCADA Control System" });
    await work.getByText("silent: no device has stored it").waitFor();
    await page.getByRole("region", { name: "People" }).getByText("Person 0", { exact: true }).waitFor();
    await view.installed();
    // The tokens of those who say receipts are made before anything is measured.
    await control.go(2);
    const frames = await view.frames(".desk li", () => control.go(scrollS * 2));
    const { core } = await view.used(() => control.go(scrollS * 2));
    const what = `desk of ${thousands(people)} people and ${thousands(chats)} chats, ${RATE} events a second`;
    figures.row({
      what,
      aim: "50 ms",
      measured: `p99 ${frames.p99Ms.toFixed(0)} ms`,
      worst: `${frames.longestMs.toFixed(0)} ms`,
      samples: `${thousands(frames.count)} frames`,
      note: `${(core * 100).toFixed(0)} % of a core, without the meter of frames; page busy ${(frames.busy * 100).toFixed(0)} % of the time; at most ${frames.rowsMost} rows and ${frames.elementsMost} elements in the document; long tasks: ${frames.longTasks}`,
    });
    figures.aim(`${what}: no frame above 50 ms`, `${frames.longestMs.toFixed(0)} ms`, frames.longestMs <= 50);
    figures.aim(`${what}: below 30 % of a core`, `${(core * 100).toFixed(0)} %`, core < 0.3);
    if (view.screen.faults.length > 0) throw new Error(view.screen.faults.join("\n"));
  } finally {
    await view.close();
    rmSync(view.screen.folder, { recursive: true, force: true });
    await control.server.remove();
  }
}
