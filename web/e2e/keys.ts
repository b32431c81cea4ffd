// A person with a keyboard and nothing else.

import type { Screen } from "./screen.ts";

export class Keys {
  readonly screen: Screen;

  constructor(screen: Screen) {
    this.screen = screen;
  }

  /** What has the focus, by its name; empty where it is the page itself. */
  focused(): Promise<string> {
    return this.screen.page.evaluate(() => {
      const at = document.activeElement;
      if (at === null || at === document.body) return "";
      const by = at instanceof HTMLInputElement ? at.getAttribute("aria-labelledby") : null;
      const named = by === null ? null : document.getElementById(by);
      const label = at.getAttribute("aria-label") ?? (named ?? (at as HTMLInputElement).labels?.[0])?.textContent;
      return (label ?? at.textContent ?? "").trim();
    });
  }

  async tabTo(name: RegExp, key = "Tab"): Promise<void> {
    for (let presses = 0; presses < 60; presses++) {
      if (name.test(await this.focused())) return;
      await this.screen.page.keyboard.press(key);
    }
    throw new Error(`${key} never came to ${name}`);
  }

  async press(name: RegExp, key = "Enter"): Promise<void> {
    await this.tabTo(name);
    await this.screen.page.keyboard.press(key);
  }

  /** Waits until the focus is at what has this name. */
  async at(name: RegExp): Promise<void> {
    await this.screen.page.waitForFunction(
      ([source, flags]) => {
        const at = document.activeElement;
        if (at === null || at === document.body) return false;
        const by = at instanceof HTMLInputElement ? at.getAttribute("aria-labelledby") : null;
        const named = by === null ? null : document.getElementById(by);
        const label = at.getAttribute("aria-label") ?? (named ?? (at as HTMLInputElement).labels?.[0])?.textContent;
        return new RegExp(source, flags).test((label ?? at.textContent ?? "").trim());
      },
      [name.source, name.flags] as const,
    );
  }
}
