// The whole way of a push: the real server seals it and says who it is, a push service takes and opens it, the real service
// worker stores the message, says that it was delivered, and shows it.

import { afterAll, beforeAll, expect, test } from "vitest";
import { Pushes, subscribable } from "./push.ts";
import { PushService } from "./pushservice.ts";
import { Screen } from "./screen.ts";
import { Server } from "./server.ts";

let server: Server;
let service: PushService;
beforeAll(async () => {
  service = await PushService.start();
  server = await Server.start({ env: { CREWLINE_PUSH_ALLOW_NETWORKS: "127.0.0.1", CREWLINE_PUSH_AFTER: "1s" } });
});
afterAll(async () => {
  await server.remove();
  await service.close();
});

test("a device is proven to be woken by the server's own test, and is woken by a message when the app is closed", async () => {
  const screen = await Screen.open(server);
  await subscribable(screen.context, service.subscription);
  const pushes = await Pushes.of(screen, server);
  const bodies: string[] = [];
  service.onPush = ({ body }) => {
    bodies.push(body);
    void pushes.deliver(body);
  };
  await screen.signIn("bob");
  service.publicKey = await screen.page.evaluate(async () => (await (await fetch("/api/v1/push")).json()).publicKey);
  await screen.button("Setup").click();
  await screen.button("Switch on and test").click();
  await screen.page
    .getByRole("listitem")
    .filter({ hasText: "Wakes when closed" })
    .getByText("A test reached this device")
    .waitFor();
  // The app is closed: the page is no more one of the app's.
  await screen.page.goto("/api/docs");
  const sent = await server.send(["bob"], "Pole 212 is live", 3);
  await server.told("message.delivered", sent.messageId, "bob");
  const standing = await pushes.standing();
  expect(standing.find(({ tag }) => tag === sent.chatId)?.body).toContain("Pole 212 is live");
  expect(service.refused).toEqual([]);
  expect(bodies.join(" ")).not.toContain("Pole 212");
  expect(JSON.parse(bodies.at(-1) ?? "{}")).toMatchObject({ messageId: sent.messageId, priority: 3 });
  await screen.close();
});
