// A button that can be held: by mouse, finger, pen, or a key. What was let go before its end was a press like any other,
// and so is a click by a screen reader, which holds nothing.

interface Held {
  press(): void;
  release(): void;
  /** Pressed, and not held to its end. */
  short(): void;
}

const isKey = ({ key }: KeyboardEvent) => key === "Enter" || key === " ";

export function holding(button: HTMLElement, held: Held) {
  let on = held;
  /** By what it is held. */
  let by: "pointer" | "key" | undefined;

  const press = (what: "pointer" | "key") => {
    by = what;
    on.press();
  };
  const release = () => {
    by = undefined;
    on.release();
  };
  const down = (event: PointerEvent) => {
    if (event.isPrimary && event.button === 0) press("pointer");
  };
  const keydown = (event: KeyboardEvent) => {
    if (!isKey(event)) return;
    // Else a browser would click: at the first press of Enter, and at each repetition.
    event.preventDefault();
    if (!event.repeat) press("key");
  };
  const keyup = (event: KeyboardEvent) => {
    if (!isKey(event) || by !== "key") return;
    event.preventDefault();
    release();
    on.short();
  };
  const click = () => {
    if (by !== undefined) release();
    on.short();
  };
  const stop = (event: Event) => event.preventDefault();

  button.addEventListener("pointerdown", down);
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) button.addEventListener(name, release);
  // A button that is taken away while the screen is drawn loses the focus in that very step, in which nothing may change.
  const later = () => {
    if (by !== undefined) queueMicrotask(release);
  };
  button.addEventListener("blur", later);
  button.addEventListener("keydown", keydown);
  button.addEventListener("keyup", keyup);
  button.addEventListener("click", click);
  // A long touch opens a menu otherwise.
  button.addEventListener("contextmenu", stop);
  return {
    update(next: Held) {
      on = next;
    },
    destroy: later,
  };
}
