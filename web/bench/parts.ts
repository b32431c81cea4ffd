// The parts of the measurement, each on a page that the one before has left.

import type { Figures } from "./figure.ts";
import { share, thousands } from "./figure.ts";
import type { Filled } from "./filled.ts";
import type { Frames } from "./page.ts";
import { View } from "./view.ts";

const KB_MAX = 120;

/** The first load of a browser that has nothing: what comes over the network, and when one can sign in. */
export async function firstLoad(filled: Filled, figures: Figures): Promise<View> {
  const view = await View.open(filled.server.url);
  const { page } = view.screen;
  const origin = filled.server.url;
  const times: number[] = [];
  let bytes = 0;
  for (let load = 0; load < figures.sizes.loads; load++) {
    await view.cdp.send("Network.clearBrowserCache");
    await view.cdp.send("Storage.clearDataForOrigin", { origin, storageTypes: "all" });
    const sizes: Promise<number>[] = [];
    const count = (request: import("playwright-core").Request) => {
      if (["script", "stylesheet"].includes(request.resourceType()))
        sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
    };
    page.on("requestfinished", count);
    await page.goto("/");
    times.push(await view.sinceBegin("signInPainted"));
    await view.installed();
    await page.waitForLoadState("load");
    page.off("requestfinished", count);
    bytes = Math.max(
      bytes,
      (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0),
    );
  }
  const kb = bytes / 1024;
  figures.row({
    what: "first load: script and style over the network",
    aim: `${KB_MAX} KB`,
    measured: `${kb.toFixed(1)} KB`,
    samples: String(times.length),
    note: "gzip, as it came",
  });
  figures.aim(
    `first load: below ${KB_MAX} KB of script and style, compressed`,
    `${kb.toFixed(1)} KB`,
    kb > 1 && kb < KB_MAX,
  );
  figures.times("first load: until one can sign in", times, undefined, "nothing cached");
  return view;
}

/** Signing in on a device that has nothing, and then the list at the beginning of a page. */
export async function signIn(view: View, filled: Filled, figures: Figures): Promise<void> {
  const { screen } = view;
  const { page } = screen;
  const begun = performance.now();
  await screen.signIn("alice");
  const { chats, messages } = figures.sizes;
  figures.times(
    "signing in",
    [performance.now() - begun],
    undefined,
    `${thousands(messages)} unread messages come to the device`,
  );
  await filled.readLong();
  await page.locator(".chats li[aria-label='Bob Brown']").waitFor();
  await view.installed();
  const list = `list of ${thousands(chats)} chats`;
  const warm: number[] = [];
  const cold: number[] = [];
  for (let load = 0; load < figures.sizes.loads; load++) {
    await page.reload();
    warm.push(await view.sinceBegin("listPainted"));
    await screen.inContact();
  }
  for (let load = 0; load < figures.sizes.loads; load++) {
    await view.cdp.send("Network.clearBrowserCache");
    await view.cdp.send("Storage.clearDataForOrigin", {
      origin: filled.server.url,
      storageTypes: "service_workers,cache_storage",
    });
    await page.goto("/");
    cold.push(await view.sinceBegin("listPainted"));
    await screen.inContact();
    await view.installed();
  }
  figures.times(`${list}: page begins, app from the service worker`, warm, 100);
  figures.times(`${list}: page begins, app from the server`, cold, undefined);
}

/** The long chat, opened from the list again and again; and the list, when one comes back. */
export async function openings(view: View, filled: Filled, figures: Figures): Promise<void> {
  const { screen } = view;
  const opened: number[] = [];
  const back: number[] = [];
  const link = screen.chat("Bob Brown").getByRole("link");
  for (let n = 0; n <= figures.sizes.openings; n++) {
    await link.waitFor();
    const time = await view.clickUntilText(() => link.click(), filled.newest.text);
    const returned = await view.clickUntilList(() => screen.button("Back to chats").click());
    // The first opening reads everything up to the newest: it is told apart.
    if (n > 0) {
      opened.push(time);
      back.push(returned);
    } else figures.times("long chat, opened for the first time on this device", [time], 200);
  }
  figures.times(
    `chat of ${thousands(figures.sizes.messages)} messages: from the click to its newest messages`,
    opened,
    200,
  );
  figures.times(
    `list of ${thousands(figures.sizes.chats)} chats: from the click to the list, on coming back`,
    back,
    100,
  );
}

function scrolled(figures: Figures, what: string, frames: Frames, note = ""): void {
  figures.row({
    what,
    aim: "50 ms",
    measured: `p99 ${frames.p99Ms.toFixed(0)} ms`,
    worst: `${frames.longestMs.toFixed(0)} ms`,
    samples: `${thousands(frames.count)} frames`,
    note: `at most ${frames.rowsMost} rows and ${frames.elementsMost} elements in the document; long tasks: ${frames.longTasks}${note}`,
  });
  figures.aim(`${what}: no frame above 50 ms`, `${frames.longestMs.toFixed(0)} ms`, frames.longestMs <= 50);
}

export async function scrolling(view: View, filled: Filled, figures: Figures): Promise<void> {
  const {
    screen,
    screen: { page },
  } = view;
  const { scrollS, messages } = figures.sizes;
  await view.clickUntilText(() => screen.chat("Bob Brown").getByRole("link").click(), filled.newest.text);
  const rows = "[role=log] article";
  const wheel = await view.frames(rows, () => view.wheel(scrollS, -900));
  const fling = await view.frames(rows, () => view.fling(scrollS, 3_000));
  const reached = await page.locator(`${rows} .words`).first().textContent();
  const down = await view.frames(rows, () => view.fling(scrollS, -3_000));
  const chat = `chat of ${thousands(messages)} messages`;
  scrolled(figures, `${chat}, up with a wheel`, wheel);
  scrolled(figures, `${chat}, up with a finger`, fling, `; came to message ${/^\d+/.exec(reached ?? "")?.[0]}`);
  scrolled(figures, `${chat}, down again`, down);
  figures.aim(
    "only what is seen is in the document",
    `${Math.max(wheel.rowsMost, fling.rowsMost)} rows of ${thousands(messages)}`,
    Math.max(wheel.rowsMost, fling.rowsMost) < 100,
  );
  await screen.button("Back to chats").click();
  await screen.chat("Bob Brown").waitFor();
}

/** The list of chats while it is scrolled, and while 50 messages a second come in. */
export async function list(view: View, filled: Filled, figures: Figures): Promise<void> {
  const { scrollS, chats } = figures.sizes;
  const rows = ".chats li";
  const name = `list of ${thousands(chats)} chats`;
  const scroll = await view.frames(rows, async () => {
    await view.fling(scrollS / 2, -3_000);
    await view.fling(scrollS / 2, 3_000);
  });
  scrolled(figures, `${name}, scrolled`, scroll);
  const count = 50 * scrollS;
  const busy = await view.frames(rows, async () => {
    const begun = performance.now();
    const sends: Promise<unknown>[] = [];
    for (let n = 0; n < count; n++) {
      const wait = begun + n * 20 - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      sends.push(filled.system((n * 7) % (chats - 1), `Telegram ${n} of ${count}`));
    }
    await Promise.all(sends);
    await view.screen.page
      .getByText(`Telegram ${count - 1} of ${count}`, { exact: true })
      .first()
      .waitFor();
  });
  scrolled(
    figures,
    `${name}, 50 messages a second come in`,
    busy,
    `; page busy ${(busy.busy * 100).toFixed(0)} % of the time`,
  );
}

/** Messages of another person, one after the other: from just before the call to what was painted. */
export async function arrivals(view: View, filled: Filled, figures: Figures): Promise<void> {
  const {
    screen,
    screen: { page },
  } = view;
  const first = "Are you there?";
  // Its chat comes to the top of the list.
  await filled.into("bob", first);
  await page.goto("/");
  await view.clickUntilText(() => screen.chat("Bob Brown").getByRole("link").click(), first);
  await filled.passOver();
  const times: number[] = [];
  for (let n = 0; n < figures.sizes.arrivals; n++) {
    const text = `Arrival ${n}`;
    const seen = page.evaluate(async (text) => {
      const { bench } = window as unknown as { bench: import("./page.ts").Bench };
      await bench.painted(() => bench.isTextSeen("[role=log]", text));
      // The clock of the machine, which the sender reads too: the page's own may have drifted from it since it began.
      return Date.now();
    }, text);
    const sent = Date.now();
    const { messageId } = await filled.into("bob", text);
    times.push((await seen) - sent);
    // The next one comes to a page at rest.
    await filled.isRead(messageId);
  }
  figures.times(
    "message of another person: from before the call to its being painted",
    times,
    150,
    `p99 ${share(times, 0.99).toFixed(0)} ms; to 1 ms`,
  );
  await screen.button("Back to chats").click();
}
