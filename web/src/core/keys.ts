// Which key does what. Pure; nothing here knows a page.

export type Shortcut = "help" | "search" | "new" | "next" | "before" | "reply" | "back";

/** In the order in which they are listed. */
export const SHORTCUTS: readonly [key: string, does: Shortcut][] = [
  ["/", "search"],
  ["n", "new"],
  ["j", "next"],
  ["k", "before"],
  ["r", "reply"],
  ["Escape", "back"],
  ["?", "help"],
];

export interface Press {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
  isComposing: boolean;
  repeat: boolean;
}

/** Keys that are held with a key of letters belong to the browser, and those of who types to what is typed. */
export function shortcutOf(press: Press, isTyping: boolean): Shortcut | undefined {
  if (press.ctrlKey || press.altKey || press.metaKey || press.isComposing || isTyping) return undefined;
  const found = SHORTCUTS.find(([key]) => key === press.key)?.[1];
  // One walks through the chats with a key that is held; everything else is done once.
  return press.repeat && found !== "next" && found !== "before" ? undefined : found;
}

/** The one behind, or before, in a list; at its end one stays. */
export function neighbour<T>(list: readonly T[], at: number, step: 1 | -1): T | undefined {
  if (at < 0) return step === 1 ? list[0] : undefined;
  return list[at + step];
}
