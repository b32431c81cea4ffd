// Every screen of administration, looked at by axe-core at phone and desk widths, light and dark; and drawn where PICTURES
// names a folder.

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { draw } from "./furnished.ts";
import type { Look } from "./screen.ts";
import { PHONE, Screen } from "./screen.ts";
import { PASSWORD, PEOPLE, Server } from "./server.ts";

const DESK = { width: 1440, height: 900 };
/** One of them has a name as long as names get. */
const CREW = {
  "dario.conti": "Dario Conti",
  "ewa.nowak": "Ewa Nowak",
  "hanna.vogel": "Hanna Vogel",
  "ibrahim.saleh": "Ibrahim Saleh",
  "jan.kowalczyk": "Jan Kowalczyk",
  "maria-magdalena.von-hohenberg": "Maria-Magdalena Freifrau von Hohenberg-Lindenthal",
  "petra.novak": "Petra Novak",
};
/** Two of them are drawn: each picture is kept for good. */
const looks: [string, Look, boolean][] = [
  ["phone-light", { size: PHONE, scheme: "light" }, false],
  ["phone-dark", { size: PHONE, scheme: "dark" }, true],
  ["desk-light", { size: DESK, scheme: "light" }, true],
  ["desk-dark", { size: DESK, scheme: "dark" }, false],
];

let server: Server;
beforeAll(async () => {
  server = await Server.start({
    people: { ...PEOPLE, ...CREW },
    roles: { carol: "administrator", "hanna.vogel": "dispatcher" },
    crowd: [["store.ashby", "Ashby Stores"]],
  });
  const crews: [string, string, string[]][] = [
    ["storm-north", "Storm crews North", ["alice", "dario.conti", "ewa.nowak", "jan.kowalczyk", "petra.novak"]],
    ["duty", "Duty engineers", ["hanna.vogel", "ibrahim.saleh", "maria-magdalena.von-hohenberg"]],
  ];
  for (const [id, name, userIds] of crews) await server.act("carol", "PUT", `/api/v1/groups/${id}`, { name, userIds });
  await server.act("carol", "PATCH", "/api/v1/admin/users/ewa.nowak", { disabled: true });
  for (const deviceName of ["Van phone 4", "Depot laptop, Ashby"]) await signIn("alice", deviceName);
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

/** As an app does; twice on the same device is two sessions. */
async function signIn(userId: string, deviceName: string): Promise<void> {
  const deviceId = randomUUID();
  const body = JSON.stringify({ userId, password: PASSWORD, deviceId, deviceName });
  for (let session = 0; session < (deviceName === "Van phone 4" ? 2 : 1); session++)
    expect((await fetch(`${server.url}/api/v1/session`, { method: "POST", body })).status).toBe(201);
}

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
