// A person's browser: Chromium as Debian has it, found by its names, its faults collected.

import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext, Locator, Page } from "playwright-core";
import { chromium } from "playwright-core";
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

export interface Look {
  size?: { width: number; height: number };
  scheme?: "light" | "dark";
  contrast?: "more";
  folder?: string;
}

export class Screen {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly folder: string;
  /** What the browser complained of: faults, refusals of the policy, and requests to other hosts. */
  readonly faults: string[] = [];

  private constructor(context: BrowserContext, page: Page, folder: string) {
    this.context = context;
    this.page = page;
    this.folder = folder;
  }

  static async open(server: Pick<Server, "url">, look: Look = {}): Promise<Screen> {
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
      locale: "en-GB",
      timezoneId: "Europe/London",
    });
    context.setDefaultTimeout(20_000);
    const page = context.pages()[0] ?? (await context.newPage());
    const screen = new Screen(context, page, folder);
    screen.watch(page, server);
    return screen;
  }

  private watch(page: Page, server: Pick<Server, "url">): void {
    page.on("pageerror", (error) => this.faults.push(`error: ${error.message}`));
    page.on("console", (message) => {
      const text = message.text();
      if (
        message.type() === "error" &&
        !text.startsWith("Failed to load resource") &&
        !text.startsWith("WebSocket connection")
      )
        this.faults.push(text);
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(server.url) && !url.startsWith(server.url.replace("http", "ws")) && !url.startsWith("data:"))
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

  button(name: string | RegExp): Locator {
    return this.page.getByRole("button", typeof name === "string" ? { name, exact: true } : { name });
  }

  get log(): Locator {
    return this.page.getByRole("log", { name: "Messages" });
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

  async close(): Promise<void> {
    await this.context.close();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
