// Which key does what, and when it does nothing.

import { expect, test } from "vitest";
import { neighbour, type Press, SHORTCUTS, shortcutOf } from "../src/core/keys.ts";
import * as de from "../src/messages/de.ts";
import * as en from "../src/messages/en.ts";

const press = (key: string, change: Partial<Press> = {}): Press => ({
  key,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  isComposing: false,
  repeat: false,
  ...change,
});

test("each key does one thing, has words in each language, and does nothing while one types or holds Ctrl, Alt or Meta", () => {
  for (const [key, does] of SHORTCUTS) {
    expect(shortcutOf(press(key), false)).toBe(does);
    expect(shortcutOf(press(key), true)).toBeUndefined();
    for (const held of ["ctrlKey", "altKey", "metaKey", "isComposing"])
      expect(shortcutOf(press(key, { [held]: true }), false)).toBeUndefined();
    for (const { t } of [en, de]) expect(t.shortcuts.does[does]).toBeTruthy();
  }
  expect(new Set(SHORTCUTS.map(([key]) => key)).size).toBe(SHORTCUTS.length);
  expect(shortcutOf(press("x"), false)).toBeUndefined();
});

test("a key that is held walks on through the chats, and does everything else once", () => {
  const held = SHORTCUTS.filter(([key]) => shortcutOf(press(key, { repeat: true }), false) !== undefined);
  expect(held.map(([key]) => key)).toEqual(["j", "k"]);
});

test("the next one and the one before; from none to the first, and no further than the ends", () => {
  const list = ["a", "b"];
  expect(neighbour(list, -1, 1)).toBe("a");
  expect(neighbour(list, -1, -1)).toBeUndefined();
  expect([neighbour(list, 0, 1), neighbour(list, 1, 1), neighbour(list, 1, -1)]).toEqual(["b", undefined, "a"]);
});
