// The desk in each look and width: what axe-core finds, what is cut off or lies over something else, and pictures.

import { describe, expect, test } from "vitest";
import { draw } from "./furnished.ts";
import { layoutFaults } from "./layout.ts";
import { type Look, Screen } from "./screen.ts";
import { PASSWORD, Server } from "./server.ts";

const WIDE = { width: 1600, height: 1000 };
const looks: { name: string; look: Look; text?: string; dir?: string }[] = [
  { name: "light", look: { size: WIDE } },
  { name: "dark", look: { size: WIDE, scheme: "dark" } },
  { name: "contrast", look: { size: WIDE, contrast: "more" } },
  { name: "1280", look: { size: { width: 1280, height: 800 } } },
  { name: "1280-dark", look: { size: { width: 1280, height: 800 }, scheme: "dark" } },
  { name: "1280-contrast", look: { size: { width: 1280, height: 800 }, contrast: "more" } },
  { name: "1440", look: { size: { width: 1440, height: 900 } } },
  { name: "2560", look: { size: { width: 2560, height: 1440 } } },
  { name: "rtl", look: { size: { width: 1280, height: 800 } }, dir: "rtl" },
  { name: "large", look: { size: { width: 1280, height: 800 } }, text: "200%" },
  { name: "rtl-large-dark", look: { size: WIDE, scheme: "dark" }, text: "200%", dir: "rtl" },
];
/** Those of which a picture says more than the others do. */
const DRAWN = ["dark", "contrast", "1280"];
const CREW = [
  "Dario Conti, Ewa Nowak, Niall Byrne, Hanna Vogel, Yuki Tanabe, Petra Novak, Luis Ortega, Sam Whitlock, Erik Sund",
  "Owen Pritchard, Ibrahim Saleh, Jan Kowalczyk, Priya Raman, Carla Mendes, Tom Okafor, Mette Lindqvist, Rosa Albers",
].flatMap((line) => line.split(", "));
const idOf = (name: string) => name.toLowerCase().replace(" ", ".");

/** A shift: an emergency of the control system at work, silent recipients, something unread. */
async function shift(): Promise<Server> {
  const crew = CREW.map(idOf);
  const people = {
    ana: "Ana Ferreira",
    ada: "Ada Root",
    ...Object.fromEntries(CREW.map((name) => [idOf(name), name])),
  };
  const server = await Server.start({ people, roles: { ana: "dispatcher", ada: "administrator" } });
  server.watch("ana", "scada:north");
  const group = (id: string, name: string, userIds: string[]) =>
    server.call("ana", "PUT", `/api/v1/groups/${id}`, { name, userIds });
  await group("north", "Storm crews North", crew.slice(0, 15));
  await group("engineers", "Duty engineers", crew.slice(15));
  for (const id of crew.slice(0, 9)) await server.call("ana", "PUT", `/api/v1/people/${id}/duty`, { onDuty: true });
  const phrases = [
    { phraseId: "1", text: "Section {line} stays live until {time}. Report your place to the desk." },
    { phraseId: "2", text: "Isolated and earthed", shortcut: "iso" },
    { phraseId: "3", text: "Stop work, call the desk", priority: 1 },
    { phraseId: "4", text: "Come back" },
  ];
  await server.call("ada", "PUT", "/api/v1/organisation/phrases", { revision: 0, phrases });
  const say = (id: string, messageId: string, state: string) =>
    server.call(id, "POST", "/api/v1/receipts", { receipts: [{ messageId, state }] });
  await server.send(crew, "Harwood–Ashby: switching programme 26-1187 started.");
  const text = "132 kV line Harwood–Ashby is ENERGISED. All crews stay clear of towers 31 to 44. Do not climb.";
  const { messageId } = await server.send(crew, text, 1);
  for (const id of crew.slice(3, 6)) await say(id, messageId, "delivered");
  for (const id of crew.slice(6, 8)) await say(id, messageId, "read");
  for (const id of crew.slice(8)) await say(id, messageId, "acknowledged");
  for (const [at, id] of crew.slice(0, 12).entries())
    await sitting(server, id, at % 4 === 3 ? "Tablet" : "Phone", at > 4);
  await server.say("sam.whitlock", ["ana"], "Crew 9: may we close S22?");
  await server.say("mette.lindqvist", ["ana"], "Crew 7: east span is up");
  return server;
}

const streams: Response[] = [];
/** A device of somebody, which may follow the log now. */
async function sitting(server: Server, userId: string, deviceName: string, isOpen: boolean): Promise<void> {
  const body = JSON.stringify({ userId, password: PASSWORD, deviceName });
  const headers = { "Content-Type": "application/json" };
  const opened = await fetch(`${server.url}/api/v1/session`, { method: "POST", headers, body });
  const { token } = (await opened.json()) as { token: string };
  const stream = { Accept: "text/event-stream", Authorization: `Bearer ${token}` };
  // It ends with the server, or when nothing holds it any more.
  if (isOpen) streams.push(await fetch(`${server.url}/api/v1/participants/me/events`, { headers: stream }));
}

describe.each(looks)("$name", ({ name, look, dir = "ltr", text = "100%" }) => {
  test("the desk is accessible, and nothing is cut off or lies over something else", async () => {
    const server = await shift();
    const screen = await Screen.open(server, look);
    const { page } = screen;
    await page.addInitScript(
      ({ dir, text }) => {
        addEventListener("DOMContentLoaded", () => {
          document.documentElement.dir = dir;
          document.documentElement.style.fontSize = text;
        });
      },
      { dir, text },
    );
    const holds = async (what: string) => {
      expect.soft(await screen.axe(), `${what} ${name}`).toEqual([]);
      expect.soft(await layoutFaults(screen), `${what} ${name}`).toEqual([]);
      if (name === "light" || (what === "work" && DRAWN.includes(name)))
        await draw(screen, what === "work" ? name : `${what}-${name}`, "desk");
    };
    try {
      await screen.signIn("ana");
      await page.getByText("3 silent: no device has stored it").waitFor();
      await page
        .getByRole("region", { name: "People" })
        .getByRole("heading", { name: /^Not reachable now/ })
        .waitFor();
      await screen.button("Take the desk").click();
      await screen.button("Leave the desk").waitFor();
      await screen.button("Send again to the silent").click();
      await page.getByText(/sent again by Ana Ferreira/).waitFor();
      const to = page.getByRole("combobox", { name: "To" });
      for (const group of ["Storm", "Duty eng"]) {
        await to.fill(group);
        await page.getByRole("option").first().waitFor();
        await page.keyboard.press("Enter");
      }
      await page.getByText(/^\d+ of 17 reachable now/).waitFor();
      await screen.button(/^Section/).click();
      await page.getByRole("textbox", { name: "line" }).fill("Harwood–Ashby");
      await holds("work");
      // Whatever else has to give way: an SOS can be raised.
      const isInFront = (button: Element) => {
        const { left, right, top, bottom } = button.getBoundingClientRect();
        return button.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2));
      };
      expect(await screen.button("SOS").evaluate(isInFront)).toBe(true);
      await page.getByRole("textbox", { name: "time" }).fill("16:30");
      await page.getByRole("radio", { name: /^EMERGENCY/ }).check();
      await screen.button("Send to 17").click();
      await page.getByRole("dialog", { name: /17 people/ }).waitFor();
      await holds("second");
      await screen.button("Back").click();
      await page
        .getByRole("listitem")
        .filter({ hasText: "UNREAD" })
        .getByRole("button", { name: "Open: Crew 7: east span is up" })
        .waitFor();
      await page.getByRole("button", { name: "Answer: Crew 9: may we close S22?" }).click();
      await screen.message("Crew 9: may we close S22?").waitFor();
      await holds("conversation");
      expect(screen.faults).toEqual([]);
    } finally {
      await screen.close();
      await server.remove();
    }
  });
});
