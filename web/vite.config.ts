// Builds the app into dist/: files with hashed names, each with its gzip beside it, and the service worker, which knows
// their names. The server embeds the folder; nothing here knows where it will be served.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { build } from "vite";
import { defineConfig } from "vitest/config";

const target = ["chrome111", "firefox114", "safari16.4"];
const dist = join(import.meta.dirname, "dist");
/** The packages of which something is in a file that was written: of the app, and of the service worker. */
const packagesIn = new Set<string>();

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

/**
 * Builds the service worker, which knows the files that make up the app: one file of its own, since not every browser lets
 * a service worker import others.
 */
function serviceWorker(): Plugin {
  return {
    name: "service-worker",
    apply: "build",
    async writeBundle(_, bundle) {
      // Administration is for a few people, and needs contact anyway: nobody keeps its files before they are asked for.
      const files = Object.keys(bundle).filter(
        (name) => name.startsWith("assets/") && !name.startsWith("assets/Admin-"),
      );
      const shell = ["/", ...files.map((name) => `/${name}`), "/manifest.webmanifest", "/icon.svg"].sort();
      await build({
        configFile: false,
        plugins: [packages()],
        root: import.meta.dirname,
        logLevel: "warn",
        publicDir: false,
        define: { __SHELL__: JSON.stringify(shell) },
        build: {
          target,
          emptyOutDir: false,
          rollupOptions: { input: "src/sw.ts", output: { format: "iife", entryFileNames: "sw.js" } },
        },
      });
    },
  };
}

/** Says which packages are in the files of the app: the bill of materials of a release reads it. A point hides it from the server. */
function packages(): Plugin {
  return {
    name: "packages",
    apply: "build",
    generateBundle(_, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type !== "chunk") continue;
        for (const [path, { renderedLength }] of Object.entries(file.modules)) {
          const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
          if (name !== undefined && renderedLength > 0) packagesIn.add(name);
        }
      }
      writeFileSync(join(dist, ".packages.json"), `${JSON.stringify([...packagesIn].sort())}\n`);
    },
  };
}

/**
 * Puts what must be done before the first paint at the head of the page, as a file: the policy of the page lets nothing
 * run that stands in it. A module would run too late.
 */
function firstPaint(): Plugin {
  const source = readFileSync(join(import.meta.dirname, "src/first.js"), "utf8");
  const hash = createHash("sha256").update(source).digest("base64url").slice(0, 8);
  const fileName = `assets/first-${hash}.js`;
  return {
    name: "first-paint",
    apply: "build",
    generateBundle() {
      this.emitFile({ type: "asset", fileName, source });
    },
    transformIndexHtml: () => [{ tag: "script", attrs: { src: `/${fileName}` }, injectTo: "head-prepend" }],
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
  plugins: [svelte(), emptyDist(), firstPaint(), serviceWorker(), packages(), compressed()],
  build: {
    target,
    emptyOutDir: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: {
      input: { app: "index.html" },
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node", setupFiles: ["fake-indexeddb/auto"] },
});
