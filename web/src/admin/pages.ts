// The pages of administration, in the order in which they are offered. Their names are in their addresses.

export const SECTIONS = [
  { head: "people", pages: ["users", "groups", "watchers", "sos"] },
  { head: "systems", pages: ["tokens", "webhooks"] },
  { head: "messages", pages: ["phrases", "retention"] },
  { head: "record", pages: ["audit", "state"] },
] as const;

export type PageName = (typeof SECTIONS)[number]["pages"][number];

export function isPage(name: string): name is PageName {
  return SECTIONS.some(({ pages }) => (pages as readonly string[]).includes(name));
}
