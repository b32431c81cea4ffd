// Every screen of administration, looked at by axe-core at phone and desk widths, light and dark; and drawn where PICTURES
// names a folder.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { draw } from "./furnished.ts";
import type { Look } from "./screen.ts";
import { DESK, PHONE, Screen } from "./screen.ts";
import { Server } from "./server.ts";

/** Two of them are drawn: each picture is kept for good. */
const looks: [string, Look, boolean][] = [
  ["phone-light", { size: PHONE, scheme: "light" }, false],
  ["phone-dark", { size: PHONE, scheme: "dark" }, true],
  ["desk-light", { size: DESK, scheme: "light" }, true],
  ["desk-dark", { size: DESK, scheme: "dark" }, false],
];

let server: Server;
beforeAll(async () => {
  server = await Server.start();
  server.setRole("carol", "administrator");
  await server.act("carol", "PUT", "/api/v1/groups/crew-north", { name: "Crew north", userIds: ["alice", "bob"] });
  await server.act("carol", "PUT", "/api/v1/people/alice/duty", { onDuty: true });
  await server.act("carol", "PUT", "/api/v1/organisation/phrases", {
    revision: 0,
    phrases: [
      { phraseId: "off", text: "Switch off {line} at {time}", priority: 1, shortcut: "off" },
      { phraseId: "on-site", text: "On site at {place}" },
    ],
  });
  await server.send(["alice"], "Breaker 1204 has tripped");
  await server.act("carol", "PUT", "/api/v1/participants/scada:north/watchers/alice");
  await server.act("carol", "POST", "/api/v1/webhooks", {
    url: "https://outage.example.org/crewline",
    participant: "scada:north",
  });
});
afterAll(() => server.remove());

describe.each(looks)("%s", (look, options, isDrawn) => {
  test("every screen of administration is without a fault that axe-core finds, and no wider than its window", async () => {
    const screen = await Screen.open(server, options);
    const { page } = screen;
    const look_at = async (name: string) => {
      expect.soft(await screen.axe(), `${name} ${look}`).toEqual([]);
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect.soft(wide, `${name} ${look} is wider than its window`).toBe(0);
      if (isDrawn) await draw(screen, `${name}-${look}`);
    };
    try {
      await screen.signIn("carol");
      await screen.button("Administration").click();
      await page.getByRole("navigation", { name: "Administration" }).waitFor();
      await look_at("admin");
      const pages: [string, string, string][] = [
        ["users", "Users", "Alice Adams"],
        ["users/alice", "Alice Adams", "Save"],
        ["groups", "Groups and duty", "Crew north"],
        ["groups/crew-north", "Crew north", "Bob Brown"],
        ["watchers", "Watchers", "Alice Adams"],
        ["sos", "SOS recipients", "Everyone on duty"],
        ["tokens", "Externals and tokens", "Revoke"],
        ["webhooks", "Webhooks", "https://outage.example.org/crewline"],
        ["webhooks/1", "https://outage.example.org/crewline", "The receiver has taken everything so far."],
        ["phrases", "Stock phrases", "2 fields: line, time"],
        ["retention", "Retention", "For ever"],
        ["audit", "Audit", "Signed in"],
        ["state", "State of the system", "The store takes writes"],
      ];
      for (const [path, heading, text] of pages) {
        await page.goto(`/admin/${path}`);
        await page.getByRole("heading", { name: heading, exact: true }).waitFor();
        await page.getByText(text).filter({ visible: true }).first().waitFor();
        await screen.inContact();
        await look_at(`admin-${path.replace("/", "-")}`);
      }
      expect(screen.faults).toEqual([]);
    } finally {
      await screen.close();
    }
  }, 120_000);
});
