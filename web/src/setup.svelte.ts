// What this device can do to alert somebody, found out and put right: for the setup screen, and for the mark that leads to
// it. Nothing here asks for a permission unless somebody has pressed for it.

import { net } from "./browser.ts";
import type { Local } from "./core/local.ts";
import { CallError } from "./core/net.ts";
import { closeOver } from "./core/notices.ts";
import { pathOf } from "./core/route.ts";
import { checksOf, type Facts, isAllProven, offsetOf } from "./core/setup.ts";
import { keepInStep, type Pusher, type PushState, readPushState } from "./core/subscription.ts";
import { keep } from "./look.ts";
import { t } from "./messages/choose.ts";
import { allowShaking, trySound } from "./sound.ts";
import { pusherOf, setBadge, shownBy, type ToWorker } from "./system.ts";

interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}

const SOUND = "crewline.sound";
const SEEN = "crewline.setup";
const STILL = "crewline.still";

/** A browser tells once that the app can be installed, maybe before anything is shown. */
let early: InstallPrompt | undefined;
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  early = event as InstallPrompt;
});

function permissionHere(): Facts["permission"] {
  return "Notification" in window ? Notification.permission : undefined;
}

function soundHere(): Facts["sound"] {
  const kept = localStorage.getItem(SOUND);
  if (kept === "silent") return "silent";
  return kept === null ? undefined : Number(kept);
}

/** An iPhone or iPad, which says that it is a Mac with a touch screen. */
const isApple =
  /iPhone|iPad/.test(navigator.userAgent) || (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);

export class Setup {
  private readonly local: Local;
  private prompt = $state.raw(early);
  private permission = $state(permissionHere());
  private sound = $state(soundHere());
  private isInstalled = $state(matchMedia("(display-mode: standalone)").matches);
  private push = $state.raw<PushState | undefined>();
  private pushFault = $state<string | undefined>();
  private hasPush = $state("PushManager" in window);
  private wantsPush = $state(false);
  private isTesting = $state(false);
  private isStarted = false;
  clockOffset = $state<number | undefined>();
  /** Asked for now whether the sound was heard. */
  isPlaying = $state(false);
  isStill = $state(localStorage.getItem(STILL) === "on");
  /** Whether anybody has looked at the screen on this device. */
  isSeen = $state(localStorage.getItem(SEEN) !== null);

  readonly checks = $derived(checksOf(this.facts()));
  readonly isProven = $derived(isAllProven(this.checks));

  constructor(local: Local) {
    this.local = local;
    allowShaking(!this.isStill);
    matchMedia("(display-mode: standalone)").addEventListener("change", ({ matches }) => {
      this.isInstalled = matches;
    });
    addEventListener("beforeinstallprompt", (event) => {
      this.prompt = event as InstallPrompt;
    });
    addEventListener("appinstalled", () => {
      this.prompt = undefined;
    });
  }

  private facts(): Facts {
    return {
      isSecure: isSecureContext,
      hasWorker: "serviceWorker" in navigator,
      permission: this.permission,
      sound: this.sound,
      isInstalled: this.isInstalled,
      install: this.prompt !== undefined ? "button" : isApple ? "iphone" : "menu",
      hasPush: this.hasPush,
      wantsPush: this.wantsPush,
      push: this.push,
      pushFault: this.pushFault,
      isTesting: this.isTesting,
      clockOffset: this.clockOffset,
    };
  }

  /** There is contact, the first time since the app was opened: one tab puts the subscription right, and looks at the clock. */
  async start(isLeader: boolean): Promise<void> {
    if (this.isStarted) return;
    this.isStarted = true;
    await this.local.setDeviceNote({ still: this.isStill });
    this.wantsPush = (await this.local.deviceNote()).push === true;
    await Promise.all([isLeader ? this.keepPush() : this.readPush(), this.readClock()]);
    if (this.push === undefined && this.pushFault === undefined) this.isStarted = false;
  }

  /** Somebody looks at the screen, or comes back to it from the settings of the system. */
  async look(): Promise<void> {
    keep(SEEN, "seen");
    this.isSeen = true;
    this.permission = permissionHere();
    await Promise.all([this.readPush(), this.readClock()]);
  }

  private async pusher(): Promise<Pusher | undefined> {
    const registration = await navigator.serviceWorker?.getRegistration();
    return registration === undefined ? undefined : pusherOf(registration);
  }

  private async keepPush(): Promise<void> {
    try {
      const pusher = await this.pusher();
      this.push = pusher === undefined ? await readPushState(net) : await keepInStep(net, pusher, this.wantsPush);
      this.pushFault = undefined;
    } catch (error) {
      this.failed(error);
    }
  }

  private failed(error: unknown): void {
    // Without contact nothing is known; a server without push at all has none to offer.
    if (error instanceof CallError) {
      if (error.status === 404) this.push = { publicKey: null, subscription: null };
      else if (error.status !== 0) this.pushFault = error.message;
    } else this.pushFault = error instanceof Error ? error.message : String(error);
  }

  private async readPush(): Promise<void> {
    try {
      this.push = await readPushState(net);
      if (this.push.subscription?.provenAt) this.isTesting = false;
    } catch (error) {
      this.failed(error);
    }
  }

  /** The service worker has answered a test push. */
  async pushed(): Promise<void> {
    this.isTesting = false;
    await this.readPush();
  }

  private async readClock(): Promise<void> {
    const askedAt = Date.now();
    try {
      const { headers } = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(10_000) });
      const date = headers.get("Date");
      if (date !== null) this.clockOffset = offsetOf(askedAt, Date.now(), date);
    } catch {
      // Without contact nobody knows.
    }
  }

  async ask(): Promise<void> {
    this.permission = await Notification.requestPermission();
    await this.keepPush();
  }

  /** Shows one, so that the person sees what it looks like. */
  async tryNotification(): Promise<void> {
    const registration = await navigator.serviceWorker?.getRegistration();
    await registration?.showNotification(t.app, {
      body: t.setup.tryText,
      tag: "try",
      data: { path: pathOf({ screen: "setup" }) },
    });
  }

  /** Makes the subscription, and has the server send a push to it. */
  async provePush(): Promise<void> {
    await this.local.setDeviceNote({ push: true });
    this.wantsPush = true;
    // A worker that is being installed has to be ready before it can be subscribed.
    await navigator.serviceWorker.ready;
    await this.keepPush();
    if (this.push?.subscription == null || this.pushFault !== undefined) return;
    this.isTesting = true;
    try {
      await net.call("POST", "/api/v1/push/test");
    } catch (error) {
      this.isTesting = false;
      this.failed(error);
    }
  }

  play(): void {
    trySound();
    this.isPlaying = true;
  }

  heard(isHeard: boolean): void {
    this.isPlaying = false;
    this.sound = isHeard ? Date.now() : "silent";
    keep(SOUND, String(this.sound));
  }

  async install(): Promise<void> {
    await this.prompt?.prompt();
    this.prompt = undefined;
  }

  async setStill(isStill: boolean): Promise<void> {
    this.isStill = isStill;
    keep(STILL, isStill ? "on" : "");
    allowShaking(!isStill);
    await this.local.setDeviceNote({ still: isStill });
  }

  /** Leaves nothing outside of the page: no subscription, no notification, no number. */
  async leave(): Promise<void> {
    this.isStarted = false;
    setBadge(0);
    const registration = await navigator.serviceWorker?.getRegistration();
    if (registration === undefined) return;
    for (const notification of await registration.getNotifications()) notification.close();
    await pusherOf(registration)?.unsubscribe();
  }
}

/** Takes away what was read, and says how many alerts stand. One call at a time, and once more where one came meanwhile. */
export class Outside {
  private readonly local: Local;
  private isAtWork = false;
  private hasMore = false;
  /** How many stood at the last look, where somebody has looked already. */
  private standing: number | undefined;

  constructor(local: Local) {
    this.local = local;
  }

  /** `standing` is how many alerts stand, where that was read just now. */
  async refresh(standing?: number): Promise<void> {
    this.hasMore = true;
    this.standing = standing;
    if (this.isAtWork) return;
    this.isAtWork = true;
    try {
      while (this.hasMore) {
        this.hasMore = false;
        setBadge(this.standing ?? (await this.local.standing()));
        // Where nothing may be shown, nothing is to be taken away.
        if (permissionHere() !== "granted") continue;
        const registration = await navigator.serviceWorker?.getRegistration();
        if (registration !== undefined)
          await closeOver(
            this.local,
            shownBy(registration, async () => true),
          );
      }
    } catch {
      // It is tried again with the next change.
    } finally {
      this.isAtWork = false;
    }
  }

  /** What came while this page is not in front: the service worker shows it, unless another page is. */
  async tell(messageIds: string[], again: string[]): Promise<void> {
    if (permissionHere() !== "granted") return;
    const registration = await navigator.serviceWorker?.getRegistration();
    registration?.active?.postMessage({ arrived: messageIds, again } satisfies ToWorker);
  }
}
