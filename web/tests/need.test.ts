// web/need where something is missing: played with a PATH in which there is nothing, and an apt-get that writes down what
// it was asked for.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const need = join(import.meta.dirname, "../need");
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "crewline-need-"));
  for (const name of ["bash", "env", "chmod"]) {
    const from = (process.env.PATH ?? "").split(delimiter).map((place) => join(place, name));
    symlinkSync(realpathSync(from.find((path) => existsSync(path)) ?? name), join(folder, name));
  }
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, ...lines: string[]): void {
  writeFileSync(join(folder, name), ["#!/usr/bin/env bash", ...lines, ""].join("\n"), { mode: 0o755 });
}

/** An apt-get that brings programs, or fails at one of its commands. */
function aptGet(brings: string[], failsAt = ""): void {
  program(
    "apt-get",
    `echo "$*" >> "${folder}/asked"`,
    `[ "$1" = "${failsAt}" ] && exit 100`,
    `[ "$1" = install ] || exit 0`,
    `for name in ${brings.join(" ")}; do echo '#!/usr/bin/env bash' > "${folder}/$name"; chmod +x "${folder}/$name"; done`,
  );
}

function run(what: string, env: Record<string, string> = {}) {
  const { status, stderr } = spawnSync(need, [what], { env: { PATH: folder, ...env }, encoding: "utf8" });
  const asked = join(folder, "asked");
  return { status, stderr, asked: existsSync(asked) ? readFileSync(asked, "utf8").trim().split("\n") : [] };
}

test("as root, what is missing is installed by its packages, and said", () => {
  program("id", "echo 0");
  aptGet(["node", "npm"]);
  const { status, stderr, asked } = run("node");
  expect(status).toBe(0);
  expect(asked).toEqual(["update -q", "install -q -y --no-install-recommends nodejs npm"]);
  expect(stderr).toContain("missing: Node 20.19 or newer, with npm; installing the packages: nodejs npm");
});

test("a list of packages that cannot be renewed is said, and the old one is tried", () => {
  program("id", "echo 0");
  aptGet(["chromium", "openssl", "certutil"], "update");
  const { status, stderr, asked } = run("chromium");
  expect(status).toBe(0);
  expect(stderr).toContain("the list of packages could not be renewed");
  expect(asked).toContain("install -q -y --no-install-recommends chromium");
});

test("packages that cannot be installed, or bring nothing, end it and say so", () => {
  program("id", "echo 0");
  aptGet([], "install");
  expect(run("chromium")).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("could not be installed: chromium"),
  });
  aptGet(["npm"]);
  expect(run("node")).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("even after its packages were installed"),
  });
});

test("who may not install, or has no apt-get, is told what to do", () => {
  program("id", "echo 1000");
  aptGet(["node", "npm"]);
  const { status, stderr, asked } = run("node");
  expect([status, asked]).toEqual([1, []]);
  expect(stderr).toContain("try: apt-get install nodejs npm");
  program("id", "echo 0");
  rmSync(join(folder, "apt-get"));
  expect(run("node").status).toBe(1);
});

test("a Node that is too old is refused with its version, and a CHROMIUM that is no program with its path", () => {
  program("npm");
  program("node", '[ "$1" = --version ] && echo v18.0.0 && exit 0', "exit 1");
  expect(run("node")).toMatchObject({ status: 1, stderr: expect.stringContaining("too old: Node v18.0.0") });
  expect(run("chromium", { CHROMIUM: "/nowhere" })).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("CHROMIUM names /nowhere"),
  });
});
