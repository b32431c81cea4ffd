// A person's browser: Chromium as Debian has it, found by its names, its faults collected.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { BrowserContext, Locator, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { expect } from "vitest";
import { PASSWORD, type Server } from "./server.ts";

// Where `web/need chromium` looks too.
const folders = (process.env.PATH ?? "").split(":");
const executablePath =
  process.env.CHROMIUM ||
  ["chromium", "chromium-browser", "google-chrome"]
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => existsSync(path));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const PHONE = { width: 390, height: 844 };
export const DESK = { width: 1280, height: 800 };

/** Where a server is, and whose authority vouches for it. */
type Address = Pick<Server, "url"> & Partial<Pick<Server, "authority">>;

export interface Look {
  size?: { width: number; height: number };
  scheme?: "light" | "dark";
  contrast?: "more";
  folder?: string;
  /** Of the browser; British English, where it is left out. */
  locale?: string;
}

export class Screen {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly folder: string;
  /** What the browser complained of: faults, refusals of the policy, and requests to other hosts. */
  readonly faults: string[] = [];

  private readonly own: string;

  private constructor(context: BrowserContext, page: Page, folder: string, own: string) {
    this.own = own;
    this.context = context;
    this.page = page;
    this.folder = folder;
  }

  static async open(server: Address, look: Look = {}): Promise<Screen> {
    if (executablePath === undefined) throw new Error("no chromium: apt-get install chromium");
    const folder = look.folder ?? mkdtempSync(join(tmpdir(), "crewline-browser-"));
    const size = look.size ?? PHONE;
    const context = await chromium.launchPersistentContext(folder, {
      executablePath,
      ...(server.authority === undefined ? {} : { env: { ...process.env, HOME: server.authority.home } }),
      args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
      baseURL: server.url,
      viewport: size,
      colorScheme: look.scheme ?? "light",
      contrast: look.contrast ?? "no-preference",
      hasTouch: size.width < 600,
      isMobile: size.width < 600,
      locale: look.locale ?? "en-GB",
      timezoneId: "Europe/London",
    });
    context.setDefaultTimeout(20_000);
    const page = context.pages()[0] ?? (await context.newPage());
    const screen = new Screen(context, page, folder, server.url);
    screen.watch(page, server.url);
    return screen;
  }

  /**
   * A browser in which a page behind another one is hidden, as it is for people: Playwright's own tells every page that it
   * is in front. With a `host` the server is reached by that name, which is no secure page without https.
   */
  static async openPlain(server: Address & Pick<Server, "at">, host?: string): Promise<Screen> {
    if (executablePath === undefined) throw new Error("no chromium: apt-get install chromium");
    const folder = mkdtempSync(join(tmpdir(), "crewline-browser-"));
    const words = ["--headless=new", "--no-sandbox", "--remote-debugging-port=0", `--user-data-dir=${folder}`];
    if (host !== undefined) words.push(`--host-resolver-rules=MAP ${host} 127.0.0.1`);
    const child = spawn(executablePath, [...words, "--lang=en-GB", "--window-size=800,844", "about:blank"], {
      stdio: ["ignore", "ignore", "pipe"],
      // A group of its own, so that none of its helpers still writes when its folder is removed.
      detached: true,
    });
    const browser = await chromium.connectOverCDP(await devtools(child), { noDefaults: true });
    const context = browser.contexts()[0];
    if (context === undefined) throw new Error("the browser has no context");
    context.setDefaultTimeout(20_000);
    const page = context.pages()[0] ?? (await context.newPage());
    const screen = new Screen(context, page, folder, server.at(host));
    screen.watch(page, server.at(host));
    screen.end = async () => {
      // Its processes hold the pipe: when that is closed, none of them writes into the folder any more.
      const ended = new Promise((resolve) => child.once("close", resolve));
      await browser.close();
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      await ended;
    };
    return screen;
  }

  private watch(page: Page, own: string): void {
    // A browser notes on each page without https, but those of this machine, that one header cannot count there.
    const isPlain = own.startsWith("http:") && !own.includes("127.0.0.1");
    const isKnown = (text: string) =>
      isPlain && text.startsWith("The Cross-Origin-Opener-Policy header has been ignored");
    page.on("pageerror", (error) => this.faults.push(`error: ${error.message}`));
    page.on("console", (message) => {
      const text = message.text();
      if (
        message.type() === "error" &&
        !text.startsWith("Failed to load resource") &&
        !text.startsWith("WebSocket connection") &&
        !isKnown(text)
      )
        this.faults.push(text);
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(own) && !url.startsWith(own.replace("http", "ws")) && !url.startsWith("data:"))
        this.faults.push(`asked ${url}`);
    });
  }

  async signIn(userId: string, path = "/", password = PASSWORD): Promise<void> {
    await this.page.goto(path);
    await this.page.getByRole("textbox", { name: "User ID" }).fill(userId);
    await this.page.getByRole("textbox", { name: "Password" }).fill(password);
    await this.button("Sign in").click();
    await this.inContact();
  }

  async inContact(): Promise<void> {
    await this.page.locator("main[data-contact=live]").waitFor();
  }

  /** The device may say where it is, and it is there. */
  async placeAt(latitude: number, longitude: number): Promise<void> {
    await this.context.grantPermissions(["geolocation"], { origin: this.own });
    await this.context.setGeolocation({ latitude, longitude, accuracy: 12 });
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole("button", typeof name === "string" ? { name, exact: true } : { name });
  }

  get log(): Locator {
    return this.page.getByRole("log", { name: "Messages" });
  }

  get chatsTitle(): Locator {
    return this.page.getByRole("heading", { name: "Chats" });
  }

  get noContact(): Locator {
    return this.page.getByRole("status").filter({ hasText: /^No contact/ });
  }

  /** The item of a chat in the list, by what its name begins with. */
  chat(name: string | RegExp): Locator {
    return this.page.getByRole("list", { name: "Chats" }).getByRole("listitem", { name });
  }

  /** An own message or one of somebody else, by its text. */
  message(text: string): Locator {
    return this.log.getByRole("article").filter({ has: this.page.getByText(text, { exact: true }) });
  }

  /** Waits until the log has found its place: rows that come in are measured before, and who is at the end is kept there. */
  async logAtRest(): Promise<void> {
    await this.log.evaluate(async () => {
      for (let frames = 0; frames < 20; frames++) await new Promise(requestAnimationFrame);
    });
  }

  /**
   * Goes up in the conversation until this message is there: only what is near the screen is in the document. It goes again
   * where the page was not yet at rest, as a person does.
   */
  async upTo(text: string): Promise<Locator> {
    const message = this.message(text);
    await expect
      .poll(async () => {
        await this.log.evaluate(async (log) => {
          log.scrollTop = 0;
          for (let frames = 0; frames < 2; frames++) await new Promise(requestAnimationFrame);
        });
        return message.count();
      })
      .toBe(1);
    return message;
  }

  async write(text: string): Promise<void> {
    await this.page.getByRole("textbox", { name: "Message" }).fill(text);
    await this.button("Send").click();
  }

  /** What axe-core finds wrong, in short. */
  async axe(): Promise<string[]> {
    // Nothing is looked at while it still moves.
    await this.page.evaluate(() =>
      Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))),
    );
    // Evaluated from outside: the policy of the page lets nothing else in.
    await this.page.evaluate(axe);
    return this.page.evaluate(async () => {
      const { axe } = window as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      const { violations } = await axe.run();
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
    });
  }

  /** Kills the browser, as a phone does whose battery is taken out; its folder stays as it was at that moment. */
  async kill(): Promise<void> {
    // The lock of the profile names the process of this very browser: host-pid.
    const pid = Number(readlinkSync(join(this.folder, "SingletonLock")).split("-").at(-1));
    if (!(pid > 1)) throw new Error("the profile is not locked by a browser");
    const closed = this.context.waitForEvent("close");
    process.kill(pid, "SIGKILL");
    await closed;
  }

  /** Puts another page in front of it. */
  async hide(): Promise<Page> {
    const other = await this.context.newPage();
    await other.bringToFront();
    // Not looked for at each frame, which is the default: a page that is hidden has none.
    await this.page.waitForFunction(() => document.visibilityState === "hidden", undefined, { polling: 50 });
    return other;
  }

  private end = () => this.context.close();

  async close(): Promise<void> {
    await this.end();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

/** Where a browser that was started listens to the tests. */
async function devtools(child: ChildProcess): Promise<string> {
  if (child.stderr === null) throw new Error("the browser says nothing");
  for await (const line of createInterface({ input: child.stderr })) {
    const address = /^DevTools listening on (ws:.+)$/.exec(line)?.[1];
    if (address === undefined) continue;
    // Whatever it says from now on is not read, and does not hold it up.
    child.stderr.resume();
    return address;
  }
  throw new Error("the browser ended before it listened");
}
