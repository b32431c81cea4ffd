// The SOS of this device for the screens: what the store has of it, the hold, the window, and where the device is.

import { clock, net, uuid } from "./browser.ts";
import type { Local } from "./core/local.ts";
import type { Position, SosNote, SosSetting, Sos as State } from "./core/sos.ts";
import {
  beginSos,
  cancelSos,
  closeSos,
  Hold,
  isSet,
  readSosSetting,
  resumeSos,
  sendSos,
  sosOf,
  WINDOW_MS,
} from "./core/sos.ts";
import { t } from "./messages/choose.ts";
import { secondsOf } from "./times.ts";

/** A position that is older is asked for anew. */
const FRESH_MS = 60_000;

export type Located = "asking" | "denied" | "none" | "insecure";

export class Sos {
  state = $state.raw<State>({ phase: "none" });
  setting = $state.raw<SosSetting | undefined>();
  position = $state.raw<Position | undefined>();
  /** Why there is no position. */
  located = $state<Located>(isSecureContext ? "asking" : "insecure");
  now = $state(Date.now());
  isHeld = $state(false);

  readonly isSet = $derived(isSet(this.setting));
  /** Whether there is one that nobody has answered. */
  readonly isOpen = $derived(["window", "waiting", "sent"].includes(this.state.phase));

  private readonly local: Local;
  private readonly poke: () => void;
  private readonly hold = new Hold();
  private endTimer: () => void = () => {};
  private ticker: ReturnType<typeof setInterval> | undefined;
  private watching: number | undefined;

  constructor(local: Local, poke: () => void) {
    this.local = local;
    this.poke = poke;
  }

  /** The app was opened: a window that was open when it was closed begins anew. It writes only where there is one. */
  async begin(): Promise<void> {
    if ((await this.local.look(sosOf)).phase === "window") await this.local.inTx((tx) => resumeSos(tx, Date.now()));
  }

  /** Reads what the store has, and waits for the end of a window. */
  async read(): Promise<void> {
    const [state, setting] = await this.local.look((tx) => Promise.all([sosOf(tx), tx.note("sosTo")]));
    this.show(state, setting);
  }

  /** What the store has, as it was just read. */
  show(state: State, setting: SosSetting | undefined): void {
    this.state = state;
    this.setting = setting;
    this.endTimer();
    this.now = Date.now();
    if (state.phase !== "window") return;
    this.tick();
    // The clock may have been set: the window is never longer than it was to be.
    const left = Math.min(WINDOW_MS, Math.max(0, state.goesAt - this.now));
    this.endTimer = clock.after(left, () => void this.send());
  }

  /** There is contact: whom it goes to may have changed. */
  async learn(): Promise<void> {
    try {
      const setting = await readSosSetting(net);
      if (JSON.stringify(setting) === JSON.stringify(this.setting)) return;
      await this.local.inTx((tx) => tx.setNote("sosTo", setting));
    } catch {
      // What was read last holds; the next contact reads again.
    }
  }

  /** Somebody looks at the screen of the SOS, or holds: where the device is, is asked for while nothing waits for it. */
  locate(): void {
    if (this.watching !== undefined || !isSecureContext || !("geolocation" in navigator)) return;
    this.watching = navigator.geolocation.watchPosition(
      ({ coords, timestamp }) => {
        const { latitude, longitude, accuracy } = coords;
        this.position = { latitude, longitude, accuracy, at: timestamp };
      },
      ({ code, PERMISSION_DENIED }) => {
        this.located = code === PERMISSION_DENIED ? "denied" : "none";
        // Who allows it meanwhile is asked with the next look.
        if (code === PERMISSION_DENIED) this.unlocate();
      },
      { enableHighAccuracy: true, maximumAge: FRESH_MS },
    );
  }

  unlocate(): void {
    if (this.watching === undefined) return;
    navigator.geolocation.clearWatch(this.watching);
    this.watching = undefined;
  }

  /** Counts what is shown: ages, and what is left of a hold or a window. */
  tick(): void {
    this.ticker ??= setInterval(() => {
      this.now = Date.now();
      if (this.hold.isOver(this.now)) {
        this.isHeld = false;
        this.onheld();
      }
      if (!this.hold.isHeld && this.state.phase !== "window" && !this.isShown) this.stopTicking();
    }, 50);
  }

  private stopTicking(): void {
    clearInterval(this.ticker);
    this.ticker = undefined;
  }

  /** Whether its screen is shown. */
  isShown = false;
  private onheld: () => void = () => {};

  get holdLeft(): number {
    return this.hold.left(this.now);
  }

  press(onheld: () => void): void {
    if (!this.isSet || this.isOpen) return;
    this.now = Date.now();
    this.hold.press(this.now);
    this.isHeld = true;
    this.onheld = onheld;
    this.locate();
    this.tick();
  }

  /** Let go: where that was before its end, nothing has happened. */
  release(): void {
    if (!this.isHeld) return;
    this.hold.release();
    this.isHeld = false;
  }

  /** The window begins; where one is open already, it stays the one. */
  async start(): Promise<void> {
    await this.local.inTx((tx) => beginSos(tx, uuid(), Date.now()));
    await this.read();
  }

  async cancel(): Promise<void> {
    await this.local.inTx((tx) => cancelSos(tx));
    await this.read();
  }

  async close(): Promise<void> {
    await this.local.inTx((tx) => closeSos(tx));
    await this.read();
  }

  private async send(): Promise<void> {
    if (await this.local.inTx((tx) => sendSos(tx, Date.now(), (note) => this.text(note)))) this.poke();
    if (!this.isShown) this.unlocate();
    await this.read();
  }

  /** What its message says: the position in words, and when the person pressed, since it may have waited. */
  text(note: SosNote): string {
    const time = secondsOf(note.at);
    const { position } = this;
    if (position === undefined) return t.sos.text(time, t.sos.noPosition);
    return t.sos.text(time, this.where(position));
  }

  where({ latitude, longitude, accuracy, at }: Position): string {
    const metres = Math.ceil(accuracy);
    return t.sos.where(latitude.toFixed(5), longitude.toFixed(5), metres, t.age((Date.now() - at) / 1000));
  }
}
