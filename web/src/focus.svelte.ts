// Where the focus is when what it was on goes away: never at the page itself, from where one would begin anew.

import { tick } from "svelte";

const isLost = () => document.activeElement === null || document.activeElement === document.body;

let hasCome = false;

/** Whether one came here from within: a page that was just loaded takes no focus. */
export const isCome = () => hasCome;

/** To the heading of what one came to, as if a page had been loaded. */
export async function arrive(): Promise<void> {
  hasCome = true;
  await tick();
  document.querySelector<HTMLElement>("[data-arrive]")?.focus();
}

/** Back to where it was before a dialog, or to the heading where that is no more. */
export async function giveBack(before: Element | null): Promise<void> {
  await tick();
  if (before instanceof HTMLElement && before.isConnected && before !== document.body) before.focus();
  if (isLost()) await arrive();
}

/** While `watched` changes what is in the box, the focus that was in it and went with it goes to what is `next`. */
export function holdFocus(
  box: () => HTMLElement | undefined,
  watched: () => unknown,
  next: () => HTMLElement | null | undefined,
): void {
  let wasIn = false;
  $effect.pre(() => {
    watched();
    wasIn = box()?.contains(document.activeElement) ?? false;
  });
  $effect(() => {
    watched();
    if (!wasIn || !isLost()) return;
    const to = next();
    if (to) to.focus();
    else void arrive();
  });
}
