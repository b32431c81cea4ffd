// Which of the app's open pages a press on a notification leads to. Pure.

interface Page {
  readonly url: string;
  readonly visibilityState: string;
  readonly focused: boolean;
}

/** One that is there already, else one that is in front, else any. */
export function clientFor<P extends Page>(pages: P[], path: string): P | undefined {
  const isThere = ({ url }: P) => {
    const { pathname, hash } = new URL(url);
    return pathname + hash === path;
  };
  return pages.find(isThere) ?? pages.find(({ focused }) => focused) ?? pages.find(isInFront) ?? pages[0];
}

function isInFront({ visibilityState }: Page): boolean {
  return visibilityState === "visible";
}
