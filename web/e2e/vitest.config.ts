// The app in a real Chromium against the real server. One file after the other: the machine has one screen's worth of them.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // As long as Playwright waits: a machine may be slow.
    expect: { poll: { timeout: 20_000 } },
  },
});
