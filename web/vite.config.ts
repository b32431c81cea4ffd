// Builds the app into dist/: files with hashed names, each with its gzip beside it, and the service worker, which knows
// their names. The server embeds the folder; nothing here knows where it will be served.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const dist = join(import.meta.dirname, "dist");

/** Empties dist/ but for its .gitignore, by which the folder is in the repository. */
function emptyDist(): Plugin {
  return {
    name: "empty-dist",
    apply: "build",
    buildStart() {
      for (const name of readdirSync(dist)) {
        if (name !== ".gitignore") rmSync(join(dist, name), { recursive: true });
      }
    },
  };
}

/** Tells the service worker which files make up the app. */
function shellList(): Plugin {
  return {
    name: "shell-list",
    apply: "build",
    generateBundle(_, bundle) {
      const worker = bundle["sw.js"];
      if (worker?.type !== "chunk") throw new Error("the bundle has no sw.js");
      const files = Object.keys(bundle).filter((name) => name.startsWith("assets/"));
      const shell = ["/", ...files.map((name) => `/${name}`), "/manifest.webmanifest", "/icon.svg"].sort();
      if (!worker.code.includes("__SHELL__")) throw new Error("sw.js has no place for the list of files");
      worker.code = worker.code.replace("__SHELL__", JSON.stringify(shell));
    },
  };
}

/** Compresses what was written; the server never does. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    closeBundle() {
      for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !/\.(js|css|html|svg|webmanifest)$/.test(entry.name)) continue;
        const path = join(entry.parentPath, entry.name);
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [svelte(), emptyDist(), shellList(), compressed()],
  build: {
    target: ["chrome111", "firefox114", "safari16.4"],
    emptyOutDir: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: {
      input: { app: "index.html", sw: "src/sw.ts" },
      output: {
        entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node", setupFiles: ["fake-indexeddb/auto"] },
});
