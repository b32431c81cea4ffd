// Something to look at, and pictures of it where PICTURES names a folder.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Screen } from "./screen.ts";
import { Server } from "./server.ts";

const folder = process.env.PICTURES;

/** A server with something to look at, and the chat that is looked at. */
export async function furnished(): Promise<{ server: Server; chatId: string }> {
  const server = await Server.start();
  server.organise("sos", { revision: 0, toUsers: ["bob", "carol"], phone: "01632 960 144" });
  await server.say("carol", ["alice"], "Handed over at 06:10, keys are in the box.");
  await server.say("bob", ["alice"], "Bring the long ladder from your van, please.", 3);
  const { chatId } = await server.say(
    "alice",
    ["bob", "carol"],
    "Two spans down on Mill Lane at pole 212. Road is closed.",
  );
  const isolated = await server.call<{ messageId: string }>("bob", "POST", `/api/v1/chats/${chatId}/messages`, {
    message: "Mill Lane is isolated at S14 and S17. Earth before you touch.",
    priority: 3,
  });
  await server.call("alice", "POST", `/api/v1/chats/${chatId}/messages`, {
    message: "Earths on, north and south of 212.",
    replyTo: isolated.messageId,
  });
  await server.call("carol", "POST", `/api/v1/chats/${chatId}/messages`, {
    message: "Second team is here, on the east span.",
    readUpTo: isolated.messageId,
  });
  await server.call("bob", "POST", `/api/v1/chats/${chatId}/messages`, {
    message: "43 customers wait on Mill Lane. When can you give it back?",
  });
  return { server, chatId };
}

/** Of the desk the files begin with `desk-`, of all else with `app-`. */
export async function draw(screen: Screen, name: string, of: "app" | "desk" = "app"): Promise<void> {
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${of}-${name}.png`);
  await screen.page.screenshot({ path, animations: "disabled", caret: "hide" });
  execFileSync("pngquant", ["--force", "--skip-if-larger", "--ext", ".png", "--quality", "60-95", "32", path], {
    stdio: "ignore",
  });
}
