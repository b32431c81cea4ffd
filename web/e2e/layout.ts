// What is wrong with how a page is laid out: cut off, beyond the edge, or over something else.

import type { Screen } from "./screen.ts";

export function layoutFaults(screen: Screen): Promise<string[]> {
  return screen.page.evaluate(() => {
    const faults: string[] = [];
    const root = document.documentElement;
    const say = (what: string, element: Element) => {
      const name = `${element.tagName.toLowerCase()}.${element.className}`;
      faults.push(`${what}: ${name} "${element.textContent?.trim().slice(0, 40)}"`);
    };
    const dialog = document.querySelector("dialog[open]");
    const all = [...(dialog ?? document.body).querySelectorAll<HTMLElement>("*")].filter(
      (element) => element.closest(".visually-hidden, svg, script, noscript") === null && element.checkVisibility(),
    );
    if (root.scrollWidth > root.clientWidth) faults.push("the page is wider than its window");
    for (const element of all) {
      const { left, right, width, height } = element.getBoundingClientRect();
      if (width === 0 || height === 0) continue;
      // What is cut on purpose shows that it is, and can be read whole elsewhere.
      const isCut = element.closest(".cut, .two, .quote") !== null;
      const isInCut = element.parentElement?.closest(".cut, .two, .quote") != null;
      if (isInCut) continue;
      if (left < -1 || right > root.clientWidth + 1) say("beyond the edge", element);
      const style = getComputedStyle(element);
      if (!isCut && style.overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1)
        say("cut off", element);
      if (!isCut && element.matches("h1, h2, p, dt, dd") && element.scrollWidth > element.clientWidth + 1)
        say("wider than its place", element);
      if (element.matches("button, .chats a") && element.scrollWidth > element.clientWidth + 1)
        say("too narrow", element);
      if (element.matches("button, .chats a") && element.scrollHeight > element.clientHeight + 1)
        say("too low", element);
    }
    const seen = (element: Element) => {
      const { left, right, top, bottom } = element.getBoundingClientRect();
      const [x, y] = [(left + right) / 2, (top + bottom) / 2];
      const over = document.elementFromPoint(x, y);
      return over !== null && (element.contains(over) || over.contains(element));
    };
    // Toasts and the button to the newest message lie over the page on purpose.
    const pressed = all.filter(
      (element) =>
        element.matches("button, a, input, textarea, h1, h2") &&
        element.closest(".toasts, .newest") === null &&
        seen(element),
    );
    // What stands below the word on a button lies over the button, and must not lie over the word.
    const words = (element: Element) => {
      const range = document.createRange();
      range.selectNodeContents(element);
      return range.getBoundingClientRect();
    };
    for (const small of all.filter((element) => element.matches(".acts small"))) {
      const button = small.parentElement?.querySelector("button");
      if (!button) continue;
      const [above, below, edge] = [words(button), words(small), button.getBoundingClientRect()];
      if (below.top < above.bottom - 6 || below.bottom > edge.bottom) say("over the word of its button", small);
    }
    pressed.forEach((one, at) => {
      const a = one.getBoundingClientRect();
      for (const other of pressed.slice(at + 1)) {
        if (one.contains(other) || other.contains(one)) continue;
        const b = other.getBoundingClientRect();
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1 && high > 1) {
          // Parts that are scrolled out of sight lie below others and are not seen there.
          const scroller = (element: Element) => element.closest(".scroll, .banners, .answers, .text");
          if (scroller(one) === scroller(other)) say(`over "${other.textContent?.trim().slice(0, 20)}"`, one);
        }
      }
    });
    return [...new Set(faults)];
  });
}
