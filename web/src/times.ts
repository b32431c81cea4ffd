// Times as they are shown: of the server, where this device is, in 24 hours.

import { locale, t } from "./messages/choose.ts";

const minutes = new Intl.DateTimeFormat(locale.dates, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const seconds = new Intl.DateTimeFormat(locale.dates, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const days = new Intl.DateTimeFormat(locale.dates, { weekday: "long", day: "numeric", month: "long" });
const shortDay = new Intl.DateTimeFormat(locale.dates, { day: "numeric", month: "short" });
const long = new Intl.DateTimeFormat(locale.dates, {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const weekday = new Intl.DateTimeFormat(locale.dates, { weekday: "short" });

export const timeOf = (at: string | number | undefined) =>
  at === undefined || at === "" ? t.noTime : minutes.format(new Date(at));
export const secondsOf = (at: string | number) => seconds.format(new Date(at));
export const dayOf = (at: string | number) => days.format(new Date(at));
const stamps = new Intl.DateTimeFormat(locale.dates, {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
/** Day and second: of what must be found again years later. */
export const stampOf = (at: string | number) => stamps.format(new Date(at));

/** With day and time, of any year. */
export const longOf = (at: string | number) => long.format(new Date(at));

/** In a list: the time today, the weekday in the last week, else the date. */
export function shortOf(at: string, now: number): string {
  if (at === "") return "";
  const then = new Date(at);
  if (dayOf(at) === dayOf(now) && now - then.getTime() < 86_400_000) return minutes.format(then);
  return now - then.getTime() < 6 * 86_400_000 ? weekday.format(then) : shortDay.format(then);
}
