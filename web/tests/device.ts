// A device for tests: the store, the sync, and what it would show.

import { END, Local } from "../src/core/local.ts";
import type { Contact } from "../src/core/sync.ts";
import { Sync } from "../src/core/sync.ts";
import { type FakeClock, type FakeServer, ME, settle } from "./server.ts";

let devices = 0;

export class Device {
  private readonly no = ++devices;
  readonly local: Local;
  readonly sync: Sync;
  readonly contacts: Contact[] = [];
  readonly announced: string[] = [];
  private readonly clock: FakeClock;
  private keys = 0;

  private constructor(local: Local, server: FakeServer, clock: FakeClock, random: () => number) {
    this.local = local;
    this.clock = clock;
    this.sync = new Sync(local, server.net(), clock, random, {
      contact: (contact) => this.contacts.push(contact),
      arrived: ({ arrived, reminded }) =>
        this.announced.push(...[...arrived, ...reminded].map(({ messageId }) => messageId)),
    });
  }

  /** Starts the app on what the browser has kept. */
  static async start(
    server: FakeServer,
    clock: FakeClock,
    disk: IDBFactory,
    random: () => number = () => 0.5,
  ): Promise<Device> {
    const local = await Local.open("crewline", disk);
    const device = new Device(local, server, clock, random);
    await local.signIn({ userId: ME, name: "Alice", role: "crew" });
    device.sync.start();
    return device;
  }

  /** The browser is killed: nothing that is under way is finished. */
  kill(): void {
    this.sync.stop();
    this.local.close();
  }

  get contact(): Contact | undefined {
    return this.contacts.at(-1);
  }

  at(): string {
    return new Date(this.clock.now()).toISOString();
  }

  async reply(chatId: string, text: string): Promise<void> {
    this.keys += 1;
    await this.local.reply({ chatId, text, key: `${this.no}-${this.keys}`, at: this.at() });
    this.sync.poke();
  }

  /** A new chat with one person, made here. */
  async startChat(...people: string[]): Promise<string> {
    this.keys += 1;
    const chatId = await this.local.startChat(`new-${this.no}-${this.keys}`, people, this.at());
    this.sync.poke();
    return chatId;
  }

  /** The texts of a chat as the screen shows them: messages, and behind them what waits. */
  async shown(chatId: string): Promise<string[]> {
    const { messages, waiting } = await this.local.conversation(chatId, 1, END, END);
    return [...messages.map(({ text }) => text), ...waiting.map(({ text }) => `${text} (waits)`)];
  }

  /** Lets time pass until the device and the server agree, and nothing waits. */
  async agree(server: FakeServer): Promise<void> {
    for (let round = 0; round < 400; round++) {
      await settle();
      const [log, outbox] = [await this.local.log(), await this.local.outbox()];
      const left = outbox.filter(({ refused }) => refused === undefined);
      if (log?.seq === server.log.length && log.epoch === server.epoch && left.length === 0) return;
      this.clock.advance(1_000);
    }
    throw new Error(
      `no agreement: ${JSON.stringify([await this.local.log(), server.log.length, await this.local.outbox(), this.contacts.slice(-5)])}`,
    );
  }
}
