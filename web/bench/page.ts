// What is measured inside of the page. It is put into each page before the app, and uses nothing from outside.

/** The longest time between two frames, and what stood in the document at most. */
export interface Frames {
  count: number;
  longestMs: number;
  p99Ms: number;
  /** Tasks of 50 ms and more, as the browser counts them. */
  longTasks: number;
  rowsMost: number;
  elementsMost: number;
}

export interface Bench {
  /** Resolves when something holds and a frame with it was painted: to the time since the page began. */
  painted(holds: () => boolean): Promise<number>;
  /** The time of the click that comes next, from when the browser had it. */
  clicked: number;
  startFrames(rows: string): void;
  stopFrames(): Frames;
  isTextSeen(box: string, text: string): boolean;
  listPainted: Promise<number>;
  signInPainted: Promise<number>;
}

export function install(): void {
  const frames = { isOn: false, times: [] as number[], rowsMost: 0, elementsMost: 0, longTasks: 0 };
  const painted = (holds: () => boolean) =>
    new Promise<number>((resolve) => {
      const look = () => {
        // What holds before a frame is painted has been painted when the next frame begins.
        if (holds()) requestAnimationFrame(() => resolve(performance.now()));
        else requestAnimationFrame(look);
      };
      look();
    });
  const seen = (element: Element | null, box: Element) => {
    if (element === null) return false;
    const [inner, outer] = [element.getBoundingClientRect(), box.getBoundingClientRect()];
    return inner.height > 0 && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
  };
  new PerformanceObserver((list) => {
    if (frames.isOn) frames.longTasks += list.getEntries().length;
  }).observe({ type: "longtask" });
  const bench: Bench = {
    painted,
    clicked: 0,
    startFrames(rows) {
      Object.assign(frames, { isOn: true, times: [], rowsMost: 0, elementsMost: 0, longTasks: 0 });
      const all = document.getElementsByTagName("*");
      const note = (time: number) => {
        if (!frames.isOn) return;
        frames.times.push(time);
        frames.rowsMost = Math.max(frames.rowsMost, document.querySelectorAll(rows).length);
        frames.elementsMost = Math.max(frames.elementsMost, all.length);
        requestAnimationFrame(note);
      };
      requestAnimationFrame(note);
    },
    stopFrames() {
      frames.isOn = false;
      const gaps = frames.times.slice(1).map((time, at) => time - (frames.times[at] ?? 0));
      gaps.sort((a, b) => a - b);
      return {
        count: gaps.length,
        longestMs: gaps.at(-1) ?? 0,
        p99Ms: gaps[Math.floor(gaps.length * 0.99)] ?? 0,
        longTasks: frames.longTasks,
        rowsMost: frames.rowsMost,
        elementsMost: frames.elementsMost,
      };
    },
    isTextSeen(box, text) {
      const element = document.querySelector(box);
      if (element === null) return false;
      const words = [...element.querySelectorAll("article .words")];
      return seen(words.findLast((word) => word.textContent === text) ?? null, element);
    },
    listPainted: painted(() => document.querySelector(".chats li") !== null),
    signInPainted: painted(() => document.querySelector("input[type=password]") !== null),
  };
  addEventListener("click", (event) => (bench.clicked = event.timeStamp), { capture: true });
  (window as unknown as { bench: Bench }).bench = bench;
}
