// Which language the app speaks. A message file is a module of one shape; this is the only one that knows them all.

import * as de from "./de.ts";
import * as en from "./en.ts";

export interface Locale {
  /** Of the page, as BCP 47 has it. */
  lang: string;
  dir: "ltr" | "rtl";
  /** In whose form dates are written. Times have 24 hours everywhere. */
  dates: string;
}

/** Every text, and the functions that make sentences of numbers and names. */
export type Texts = typeof en.t;

export interface Messages {
  locale: Locale;
  t: Texts;
}

/** The first one stands in where none fits. */
const ALL: readonly [Messages, ...Messages[]] = [en, de];

/** The languages by their own names, for choosing one. */
export const LANGUAGES: Record<string, string> = { en: "English", de: "Deutsch" };

const primary = (tag: string) => tag.toLowerCase().split("-")[0];

/** The first of the wanted languages that there is: exactly, else in another country's form. */
export function chosen<M extends { locale: Locale }>(wanted: readonly string[], all: readonly [M, ...M[]]): M {
  for (const tag of wanted) {
    const found =
      all.find(({ locale }) => locale.lang.toLowerCase() === tag.toLowerCase()) ??
      all.find(({ locale }) => primary(locale.lang) === primary(tag));
    if (found !== undefined) return found;
  }
  return all[0];
}

/** What this device was told to speak. A service worker cannot look there: the store tells it. */
const KEPT = "crewline.language";

export function languageHere(): string {
  const kept = globalThis.localStorage?.getItem(KEPT) ?? "";
  return kept in LANGUAGES ? kept : "system";
}

export function keepLanguage(language: string): void {
  if (language in LANGUAGES) localStorage.setItem(KEPT, language);
  else localStorage.removeItem(KEPT);
}

/** The texts of a language, or of the browser's where it is none of these. */
export function messagesOf(language: string | undefined): Messages {
  const wanted = globalThis.navigator?.languages ?? [];
  return chosen(language === undefined || !(language in LANGUAGES) ? wanted : [language], ALL);
}

export const { locale, t } = messagesOf(languageHere());
