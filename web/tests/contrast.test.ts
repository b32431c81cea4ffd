// Every pair of colours that meet, measured as WCAG 2.2 says, in all four modes; and no colour outside of the tokens.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { colour, MODES, type Mode, written } from "./colours.ts";

function luminance(hex: string): number {
  const channel = (at: number) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const panels = ["surface", "raised", "sunken", "ground", "selected"];
const tints = ["mine", "notice-tint", "emergency-tint"];
/** What is needed, of what, on what: 7 for key text, 4.5 for other text, 3 for edges of controls and for pictures. */
const PAIRS: [number, string[], string[]][] = [
  [7, ["ink"], [...panels, ...tints]],
  [7, ["ink-2"], ["surface", "raised", "mine"]],
  [4.5, ["ink-2"], ["ground", "selected", "notice-tint", "emergency-tint"]],
  [4.5, ["ink-3"], [...panels, ...tints]],
  [7, ["accent"], ["surface", "raised"]],
  [4.5, ["accent"], ["selected", "mine"]],
  [7, ["on-accent"], ["accent-fill"]],
  [7, ["notice-text"], ["surface", "raised", "notice-tint"]],
  [4.5, ["notice-text"], ["selected", "mine"]],
  [7, ["on-notice"], ["notice-fill"]],
  [7, ["on-emergency"], ["emergency-fill", "emergency-deep"]],
  [4.5, ["emergency-soft"], ["emergency-fill"]],
  [7, ["on-ack", "on-ack-2"], ["on-emergency"]],
  [7, ["emergency-text"], ["surface", "raised"]],
  [4.5, ["emergency-text"], ["emergency-tint", "selected"]],
  [
    4.5,
    ["state-waiting", "state-at-server", "state-delivered", "state-read", "state-acknowledged"],
    ["surface", "mine"],
  ],
  [3, ["edge", "focus"], [...panels, "mine"]],
  [3, ["notice-edge"], ["surface", "raised", "notice-tint"]],
  [3, ["emergency-edge"], ["surface", "raised", "emergency-tint", "selected"]],
  [3, ["proof-acknowledged", "proof-read"], ["surface", "raised"]],
  [3, ["accent-fill"], ["surface"]],
  [3, ["hole"], ["ink"]],
];
const nameOf = ({ theme, more }: Mode) => (more ? `${theme}, more contrast` : theme);

test.each(MODES.map((mode) => [nameOf(mode), mode] as const))(
  "every pair of colours that meet can be told apart: %s",
  (_, mode) => {
    const short = PAIRS.flatMap(([need, fronts, backs]) =>
      fronts.flatMap((front) =>
        backs
          .map((back) => ({ front, back, need, got: contrast(colour(front, mode), colour(back, mode)) }))
          .filter(({ got }) => !(got >= need)),
      ),
    );
    expect(short).toEqual([]);
  },
);

test("each token is written once, and no colour stands outside of them", () => {
  const names = written.map(({ name }) => name).filter((name) => !/^(plain|more|m-)/.test(name));
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  const source = join(import.meta.dirname, "../src");
  const sheets = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".css"));
  expect(sheets.length).toBeGreaterThan(8);
  for (const name of sheets.filter((name) => !name.endsWith("tokens.css"))) {
    const sheet = readFileSync(join(source, name), "utf8");
    expect(sheet.match(/#[0-9a-f]{3,8}\b|\b(rgb|hsl|light-dark)\(/gi), name).toBeNull();
  }
});
