// The colours of tokens.css as a browser works them out, for tests: in a theme, and with or without more contrast.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Mode {
  theme: "light" | "dark";
  more: boolean;
}

export const MODES: Mode[] = [false, true].flatMap((more) => [
  { theme: "light", more } as const,
  { theme: "dark", more } as const,
]);

const css = readFileSync(join(import.meta.dirname, "../src/styles/tokens.css"), "utf8").replace(
  /\/\*[\s\S]*?\*\//g,
  "",
);

/** Every value of every token, as often as it is written. */
export const written = [...css.matchAll(/--([\w-]+):\s*([^;]*);/g)].map(([, name = "", value = ""]) => ({
  name,
  value: value.trim(),
}));
const tokens = new Map(written.map(({ name, value }) => [name, value]));

/** The two arguments of a function at the beginning of a text, and what stands behind it. */
function parts(text: string): { first: string; second: string; rest: string } {
  let depth = 0;
  let comma = -1;
  const open = text.indexOf("(");
  for (let at = open; at < text.length; at++) {
    const letter = text[at];
    if (letter === "(") depth += 1;
    else if (letter === ")") depth -= 1;
    else if (letter === "," && depth === 1 && comma < 0) comma = at;
    if (depth > 0) continue;
    const end = comma < 0 ? at : comma;
    return {
      first: text.slice(open + 1, end).trim(),
      second: comma < 0 ? "" : text.slice(comma + 1, at).trim(),
      rest: text.slice(at + 1).trim(),
    };
  }
  throw new Error(`no end: ${text}`);
}

/** A value as it is in a mode. */
export function resolved(value: string, mode: Mode): string {
  const text = value.trim();
  if (text.startsWith("light-dark(")) {
    const { first, second, rest } = parts(text);
    return `${resolved(mode.theme === "light" ? first : second, mode)} ${rest}`.trim();
  }
  if (text.startsWith("var(")) {
    const { first, second, rest } = parts(text);
    const name = first.replace(/^--/, "");
    if (name === "plain" || name === "more") {
      const isHeld = (name === "more") === mode.more;
      return `${isHeld ? resolved(second, mode) : ""} ${resolved(rest, mode)}`.trim();
    }
    return colour(name, mode);
  }
  return text;
}

export function colour(name: string, mode: Mode): string {
  const value = tokens.get(name);
  if (value === undefined) throw new Error(`there is no token ${name}`);
  return resolved(value, mode);
}
