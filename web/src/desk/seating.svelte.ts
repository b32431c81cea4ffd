// Who sits at the desk. Whoever takes it says so again and again while a page of the desk is open: the server counts nobody
// for long who closed the browser without leaving.

import type { App } from "../app.svelte.ts";
import { net } from "../browser.ts";
import { CallError } from "../core/net.ts";
import { t } from "../messages/choose.ts";
import { canSound, chime } from "../sound.ts";
import type { Seats } from "./wire.ts";

/** So long a seat stands at the server after it was taken last. */
const SEAT_MS = 600_000;
const PATH = "/api/v1/desk";

export class Seating {
  all = $state.raw<Seats["seats"]>([]);
  isBusy = $state(false);
  /** Why who sits here could not be noted. */
  fault = $state("");
  readonly mine = $derived(this.all.find(({ userId }) => userId === this.app.me?.userId));

  private readonly app: App;
  /** When the server last knew, as far as this page heard, that this person sits here. */
  private satAt: number | undefined;
  /** How often the desk was taken or left here. */
  private acts = 0;
  private renewing: Promise<void> = Promise.resolve();

  constructor(app: App) {
    this.app = app;
  }

  /** Takes the desk: lets it sound, asks for notifications, and has the server note who sits there. */
  async take(): Promise<void> {
    // Within the press: a browser lets a page sound from then on.
    canSound();
    chime();
    const asked = "Notification" in window && Notification.permission === "default" ? this.app.setup.ask() : undefined;
    await this.sit("PUT");
    await asked?.catch(() => {});
  }

  leave(): Promise<void> {
    return this.sit("DELETE");
  }

  private async sit(method: "PUT" | "DELETE"): Promise<void> {
    this.isBusy = true;
    this.fault = "";
    this.acts += 1;
    try {
      await this.renewing;
      this.all = (await net.call<Seats>(method, PATH)).seats;
      this.satAt = method === "PUT" ? Date.now() : undefined;
    } catch (error) {
      this.fault = error instanceof CallError && error.status > 0 ? error.message : t.desk.notTaken;
    }
    this.isBusy = false;
  }

  async read(): Promise<void> {
    this.all = (await net.call<Seats>("GET", PATH)).seats;
  }

  /**
   * Says again that this person sits here, where that is so, and where it is this page's turn. After a loss of contact in
   * which the server let go of the seat it is taken again; who left it elsewhere has left it.
   */
  async keep(isTurn: boolean): Promise<void> {
    const { acts } = this;
    await this.read();
    const sits = this.mine !== undefined;
    const isLost = !sits && this.satAt !== undefined && Date.now() - this.satAt >= SEAT_MS;
    if (sits) this.satAt = Date.now();
    else if (!isLost) this.satAt = undefined;
    if (!(sits || isLost) || !isTurn || acts !== this.acts) return;
    const renewed = net.call<Seats>("PUT", PATH);
    // Who leaves meanwhile does so after it.
    this.renewing = renewed.then(
      () => {},
      () => {},
    );
    this.all = (await renewed).seats;
    this.satAt = Date.now();
  }
}
