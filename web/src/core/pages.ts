// A list of the server, page by page.

import type { Net } from "./net.ts";
import type { Page } from "./wire.ts";

/** The pages of a list, each asked for when the one before was looked at. `path` has a query; `place` is how it names where a page begins. */
export async function* pagesOf<T>(
  net: Net,
  path: string,
  place: "after" | "before" = "after",
): AsyncGenerator<Page<T>, void> {
  let next: string | null | undefined;
  do {
    const page: Page<T> = await net.call<Page<T>>("GET", next ? `${path}&${place}=${encodeURIComponent(next)}` : path);
    yield page;
    next = page.next;
  } while (next);
}
