// Which language the app speaks. A message file is a module of one shape; this is the only one that knows them all.

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
const ALL: readonly [Messages, ...Messages[]] = [en];

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

export const { locale, t } = chosen(globalThis.navigator?.languages ?? [], ALL);
