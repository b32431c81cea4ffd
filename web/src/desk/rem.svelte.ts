// How large the person's text is against the usual one: rows of a known height grow with it.

class Rem {
  size = $state(1);

  constructor() {
    const read = () => {
      this.size = Math.max(1, Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16);
    };
    read();
    new ResizeObserver(read).observe(document.documentElement);
  }
}

export const rem = new Rem();
