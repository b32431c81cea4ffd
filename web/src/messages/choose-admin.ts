// The texts of administration: files of their own, so that whoever does not administer never loads them.

import * as de from "./admin-de.ts";
import * as en from "./admin-en.ts";
import { chosen, type Locale, locale } from "./choose.ts";

export type AdminTexts = typeof en.t;

const ALL: readonly [{ locale: Locale; t: AdminTexts }, ...{ locale: Locale; t: AdminTexts }[]] = [en, de];

/** In the language of the app, where it is spoken here, too. */
export const { t: a } = chosen([locale.lang], ALL);
