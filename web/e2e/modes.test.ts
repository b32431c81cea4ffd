// Light, dark, more contrast and forced colours, by the system's wish and by the person's: what the browser makes of the
// tokens is what is measured (tests/contrast.test.ts).

import { afterAll, beforeAll, expect, test } from "vitest";
import { colour, MODES, type Mode } from "../tests/colours.ts";
import { Screen } from "./screen.ts";
import { Server } from "./server.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.remove());

const NAMES = ["ground", "surface", "ink", "ink-3", "accent", "edge", "notice-text", "emergency-fill", "hole"];

/** The colours of the tokens as the page has them. */
function colours(screen: Screen): Promise<Record<string, string>> {
  return screen.page.evaluate((names) => {
    const probe = document.body.appendChild(document.createElement("i"));
    const found = names.map((name) => {
      probe.style.color = `var(--${name})`;
      const [red, green, blue] = getComputedStyle(probe).color.match(/\d+/g) ?? [];
      const hex = [red, green, blue].map((part) => Number(part).toString(16).padStart(2, "0"));
      return [name, `#${hex.join("")}`];
    });
    probe.remove();
    return Object.fromEntries(found);
  }, NAMES);
}
const wanted = (mode: Mode) => Object.fromEntries(NAMES.map((name) => [name, colour(name, mode)]));

test("each mode has its colours, whether the system wishes it or the person", async () => {
  const screen = await Screen.open(server);
  const { page } = screen;
  try {
    await page.goto("/");
    await screen.button("Sign in").waitFor();
    for (const mode of MODES) {
      await page.emulateMedia({ colorScheme: mode.theme, contrast: mode.more ? "more" : "no-preference" });
      expect.soft(await colours(screen), `the system: ${JSON.stringify(mode)}`).toEqual(wanted(mode));
      // The other way round at the system: the person's choice wins.
      const other = mode.theme === "light" ? "dark" : "light";
      await page.emulateMedia({ colorScheme: other, contrast: mode.more ? "no-preference" : "more" });
      await page.evaluate(({ theme, more }) => {
        Object.assign(document.documentElement.dataset, { theme, contrast: more ? "more" : "normal" });
      }, mode);
      expect.soft(await colours(screen), `the person: ${JSON.stringify(mode)}`).toEqual(wanted(mode));
      await page.evaluate(() => {
        delete document.documentElement.dataset.theme;
        delete document.documentElement.dataset.contrast;
      });
    }
    await page.emulateMedia({ forcedColors: "active" });
    const edges = await screen.button("Sign in").evaluate((button) => getComputedStyle(button).borderTopStyle);
    expect(edges).toBe("solid");
    expect(await screen.axe()).toEqual([]);
  } finally {
    await screen.close();
  }
});
