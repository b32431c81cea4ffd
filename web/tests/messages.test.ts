// The language comes from the message files, and from nowhere else.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as adminDe from "../src/messages/admin-de.ts";
import * as adminEn from "../src/messages/admin-en.ts";
import { chosen, type Locale } from "../src/messages/choose.ts";
import * as de from "../src/messages/de.ts";
import * as en from "../src/messages/en.ts";

const file = (lang: string): { locale: Locale } => ({ locale: { lang, dir: "ltr", dates: lang } });

test("the person's first language that there is a file for is taken, in another country's form too, else the first file", () => {
  const all = [file("en"), file("de"), file("pt-BR"), file("pt")] as const;
  const of = (...wanted: string[]) => chosen(wanted, [...all]).locale.lang;
  expect(of("de-AT", "en")).toBe("de");
  expect(of("fr-FR", "de")).toBe("de");
  expect(of("pt-PT")).toBe("pt-BR");
  expect(of("pt")).toBe("pt");
  expect(of("PT-br")).toBe("pt-BR");
  expect(of("ja")).toBe("en");
  expect(of()).toBe("en");
});

test("no module but the one that chooses knows a message file, and none writes a date in a form of its own", () => {
  const source = join(import.meta.dirname, "../src");
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(ts|svelte)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    if (entry.parentPath.endsWith("messages")) continue;
    const text = readFileSync(path, "utf8");
    expect(/messages\/(?!choose)[\w-]+\.ts/.exec(text)?.[0], path).toBeUndefined();
    expect(/toLocale(Date|Time)?String\(|Format\("/.exec(text)?.[0], path).toBeUndefined();
  }
});

test("a message file says what the page is written in", () => {
  expect(en.locale).toEqual({ lang: "en", dir: "ltr", dates: "en-GB" });
});

/** Every text of a file by its path; a function by what it is. */
function texts(of: unknown, path = ""): [string, string][] {
  if (typeof of === "function") return [[path, "()"]];
  if (typeof of !== "object" || of === null) return [[path, String(of)]];
  return Object.entries(of).flatMap(([key, value]) => texts(value, `${path}.${key}`));
}

test("each language has every text, and none of them is left in English", () => {
  const [english, german] = [texts(en.t), texts(de.t)];
  expect(german.map(([path]) => path).sort()).toEqual(english.map(([path]) => path).sort());
  const words = new Map(english);
  const same = german.filter(([path, text]) => text !== "()" && /\p{L}/u.test(text) && words.get(path) === text);
  // Names, a key, and what is the same word in both.
  expect(same.map(([path]) => path)).toEqual([".app", ".sos.button", ".shortcuts.escape", ".desk.work.name"]);
});

test("of administration each language has every text, too, and none of them is left in English", () => {
  const [english, german] = [texts(adminEn.t), texts(adminDe.t)];
  expect(german.map(([path]) => path).sort()).toEqual(english.map(([path]) => path).sort());
  const words = new Map(english);
  const same = german.filter(([path, text]) => text !== "()" && /\p{L}/u.test(text) && words.get(path) === text);
  // What is the same word in both.
  expect(same.map(([path]) => path)).toEqual([
    ".name",
    ".pages.webhooks",
    ".roles.administrator",
    ".tokens.token",
    ".webhooks.url",
    ".state.version",
    ".state.schema",
  ]);
  expect([adminEn.locale, adminDe.locale]).toEqual([en.locale, de.locale]);
});

test("numbers and dates are in the form of the language", () => {
  expect([en.t.number(12_345), de.t.number(12_345)]).toEqual(["12,345", "12.345"]);
  expect(de.t.setup.offset("+", 0.5, "s")).toBe("+0,5 s");
  expect(de.locale.dates).toBe("de-DE");
});
