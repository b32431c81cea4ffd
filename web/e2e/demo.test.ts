// What a newcomer does in the first minute: the lines that the first start prints, followed to the letter.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, expect, test } from "vitest";
import { Screen } from "./screen.ts";
import { program } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "crewline-demo-"));
const server = spawn(program, ["--store", "sqlite://crewline.db", "serve", "--demo", "--listen", "127.0.0.1:0"], {
  cwd: folder,
  stdio: ["ignore", "ignore", "pipe"],
});
afterAll(async () => {
  const ended = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGKILL");
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

/** What is printed, up to its last line. */
async function printed(): Promise<string> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: server.stderr })) {
    lines.push(line);
    if (line.includes("Ctrl-C stops the server")) return lines.join("\n");
  }
  throw new Error(`the server ended, and said:\n${lines.join("\n")}`);
}

function found(text: string, pattern: RegExp): string {
  const match = pattern.exec(text)?.[1];
  if (match === undefined) throw new Error(`${pattern} is not in:\n${text}`);
  return match;
}

test("the lines that the demo prints let a newcomer sign in, send an emergency, and acknowledge it", async () => {
  const text = await printed();
  const url = found(text, /Open the app {2}(\S+)/);
  const password = found(text, /^ +alice {2}(\S+)/m);
  const command = found(text, /^ +(CREWLINE_URL=.* send --priority emergency .*)$/m);

  const screen = await Screen.open({ url });
  await screen.signIn("alice", "/", password);
  const sending = spawn("sh", ["-c", command], { stdio: ["ignore", "pipe", "pipe"] });
  const said: string[] = [];
  for (const stream of [sending.stdout, sending.stderr]) stream.on("data", (piece) => said.push(String(piece)));
  const ended = new Promise<number | null>((resolve) => sending.once("exit", resolve));
  const dialog = screen.page.getByRole("alertdialog");
  await dialog.getByText("Line 7 is energised. Stay clear.").waitFor();
  await screen.button("Acknowledge").click();
  await dialog.waitFor({ state: "detached" });
  expect(await ended, said.join("")).toBe(0);
  expect(said.join("")).toMatch(/acknowledged/);
  await screen.close();
});
