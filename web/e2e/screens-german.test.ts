// In German no English is left, on any screen; the language is the browser's, or the one that the person chose.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { draw } from "./furnished.ts";
import { DESK, PHONE, Screen } from "./screen.ts";
import { PASSWORD, Server } from "./server.ts";

const PEOPLE = { xaver: "Xaver Huber", bo: "Bo Yilmaz", ute: "Ute Ähren", lena: "Lena Vogt", rita: "Rita Sommer" };
const LANGUAGES = join(import.meta.dirname, "../src/messages");

/** The words of all texts of a language. */
function wordsOf(file: string): Set<string> {
  const source = readFileSync(join(LANGUAGES, file), "utf8");
  const texts = [...source.matchAll(/"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)].map(([, a, b]) => a ?? b ?? "");
  return new Set(texts.flatMap((text) => words(text.replace(/\$\{[^}]*\}/g, " "))));
}
/** What a screen says in words that are English and not German too. */
async function englishOn({ page }: Screen): Promise<string[]> {
  const all = (language: string) =>
    ["", "admin-"]
      .flatMap((begin) => [...wordsOf(`${begin}${language}.ts`)])
      .concat([...wordsOf(`admin-${language}-record.ts`)]);
  const german = new Set(all("de"));
  const english = new Set(all("en").filter((word) => !german.has(word)));
  expect(english.size).toBeGreaterThan(200);
  const said = await page.evaluate(() => {
    const named = [...document.querySelectorAll("[aria-label], [placeholder], [title]")].flatMap((element) =>
      ["aria-label", "placeholder", "title"].map((name) => element.getAttribute(name) ?? ""),
    );
    // What the server says of itself is marked as English, for those who have it read out.
    const shown = document.getElementById("app")?.cloneNode(true) as HTMLElement;
    for (const part of shown.querySelectorAll("[lang=en]")) part.remove();
    return [document.title, shown.textContent ?? "", ...named].join(" | ");
  });
  return words(said).filter((word) => english.has(word));
}
const words = (text: string) => text.toLowerCase().match(/\p{L}{3,}/gu) ?? [];

let server: Server;
beforeAll(async () => {
  server = await Server.start({ people: PEOPLE, roles: { lena: "dispatcher", rita: "administrator" } });
  server.organise("sos", { revision: 0, toUsers: ["bo"], toGroups: [{ groupId: "on-duty" }], phone: "110" });
});
afterAll(() => server.remove());

test("no English is left on any screen, dates are German, and the person may choose another language", async () => {
  const screen = await Screen.open(server, { size: PHONE, locale: "de-AT" });
  const { page } = screen;
  const button = (name: string | RegExp) => screen.button(name);
  let walked = 0;
  const holds = async (name: string) => {
    walked += 1;
    expect.soft(await englishOn(screen), name).toEqual([]);
    expect.soft(await screen.axe(), name).toEqual([]);
  };
  try {
    await page.goto("/");
    await button("Anmelden").waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("de");
    await holds("sign-in");
    await page.getByRole("textbox", { name: "Benutzerkennung" }).fill("xaver");
    await page.getByRole("textbox", { name: "Passwort" }).fill("falsch");
    await button("Anmelden").click();
    await page.getByRole("alert").getByText("Passwort").waitFor();
    await holds("sign-in refused");
    await page.getByRole("textbox", { name: "Passwort" }).fill(PASSWORD);
    await button("Anmelden").click();
    await screen.inContact();
    await page.getByText("Noch keine Gespräche").waitFor();
    await holds("no chats");
    const { chatId } = await server.say("bo", ["xaver", "ute"], "Mühlweg 212 ist geerdet", 3);
    await page.getByRole("status").filter({ hasText: "WICHTIG" }).waitFor();
    await holds("chats");
    await draw(screen, "chats-german");
    await page.getByRole("searchbox", { name: "Nachrichten durchsuchen" }).fill("muhlweg");
    await page.getByText("1 Nachricht gefunden").waitFor();
    await holds("search");
    await page.keyboard.press("Escape");
    await button("Neues Gespräch").click();
    await page.getByRole("checkbox", { name: /Bo Yilmaz/ }).check();
    await holds("new chat");
    await page.goto(`/chats/${chatId}`);
    await page.getByText("Mühlweg 212 ist geerdet").first().waitFor();
    await screen.inContact();
    await button("Vor Ort").click();
    await page.getByText("Stumm").or(page.getByText(/stumm/)).first().waitFor();
    await page.getByRole("button", { name: /^2: / }).click();
    await button("Bo Yilmaz antworten").click();
    await holds("conversation");
    await screen.context.setOffline(true);
    await page.getByRole("status").filter({ hasText: "Keine Verbindung" }).waitFor();
    await page.getByRole("textbox", { name: "Nachricht", exact: true }).fill("Wartet hier");
    await button("Senden").click();
    await page.getByText("Hier wartet 1 Nachricht").waitFor();
    await holds("no contact");
    await screen.context.setOffline(false);
    await screen.inContact();
    await server.send(["xaver"], "Abstand halten", 1, "Leitsystem");
    await page.getByRole("alertdialog").waitFor();
    await page.keyboard.press("Escape");
    await holds("emergency");
    await button("Bestätigen").click();
    await page.getByRole("alertdialog").waitFor({ state: "detached" });
    await screen.placeAt(48.2, 16.37);
    await button("SOS").click();
    await page.getByText("48.20000, 16.37000").waitFor();
    await holds("sos");
    await draw(screen, "sos-german");
    await button(/^Jetzt senden/).click();
    await page.getByRole("heading", { name: /^SOS geht in/ }).waitFor();
    await holds("sos window");
    await page.getByRole("heading", { name: "SOS gesendet" }).waitFor();
    await holds("sos sent");
    await button("Zurück zu den Gesprächen").click();
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Tastenkürzel" }).waitFor();
    await holds("shortcuts");
    await page.keyboard.press("Escape");
    await button("Abmelden").click();
    await page.getByRole("dialog").waitFor();
    await holds("sign-out");
    await button("Angemeldet bleiben").click();
    await button("Einrichtung").click();
    await page.getByRole("listitem", { name: "Uhr" }).waitFor();
    await holds("setup");
    await draw(screen, "setup-german");
    expect(walked).toBe(15);
    // Chosen, and kept when the page is loaded again.
    await page.getByRole("radio", { name: "English" }).check();
    await page.getByRole("heading", { name: "Setup" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Setup" }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("en");
    expect(screen.faults).toEqual([]);
  } finally {
    await screen.close();
  }
}, 120_000);

test("no English is left at the desk", async () => {
  await server.send(["bo", "ute"], "Leitung geerdet", 1, "Leitsystem");
  const screen = await Screen.open(server, { size: DESK, locale: "de-DE" });
  const { page } = screen;
  try {
    await page.goto("/");
    await page.getByRole("textbox", { name: "Benutzerkennung" }).fill("lena");
    await page.getByRole("textbox", { name: "Passwort" }).fill(PASSWORD);
    await screen.button("Anmelden").click();
    await screen.button("Leitplatz übernehmen").click();
    await screen.button("Leitplatz verlassen").waitFor();
    await page.getByRole("region", { name: "Braucht Sie" }).waitFor();
    await page.getByRole("region", { name: "Personen" }).getByText("Bo Yilmaz").waitFor();
    expect.soft(await englishOn(screen)).toEqual([]);
    expect.soft(await screen.axe()).toEqual([]);
    expect(screen.faults).toEqual([]);
  } finally {
    await screen.close();
  }
});

test("no English is left in administration, and another language is chosen there", async () => {
  const act = (method: string, path: string, body?: unknown) => server.act("rita", method, path, body);
  await act("PUT", "/api/v1/groups/trupp-nord", { name: "Trupp Nord", userIds: ["bo", "xaver"] });
  await act("PUT", "/api/v1/organisation/phrases", {
    revision: 0,
    phrases: [{ phraseId: "1", text: "{Leitung} geerdet" }],
  });
  await server.send(["bo"], "Schalter 12 gefallen", 2, "Leitsystem");
  await act("PUT", "/api/v1/participants/scada:north/watchers/lena");
  await act("POST", "/api/v1/webhooks", { url: "https://empfang.example.org/", participant: "scada:north" });
  const screen = await Screen.open(server, { size: DESK, locale: "de-DE" });
  const { page } = screen;
  const holds = async (name: string) => {
    expect.soft(await englishOn(screen), name).toEqual([]);
    expect.soft(await screen.axe(), name).toEqual([]);
  };
  const button = (name: string) => page.getByRole("button", { name, exact: true });
  try {
    await page.goto("/admin/users/bo");
    await page.getByRole("textbox", { name: "Benutzerkennung" }).fill("rita");
    await page.getByRole("textbox", { name: "Passwort" }).fill(PASSWORD);
    await screen.button("Anmelden").click();
    await page.getByRole("heading", { name: "Zuletzt im Protokoll" }).waitFor();
    await holds("a user");
    await draw(screen, "admin-german");
    await button("Benutzer sperren").click();
    await page.getByRole("dialog", { name: "Bo Yilmaz sperren?" }).waitFor();
    await holds("a question");
    await button("Nichts ändern").click();
    await button("Benutzer anlegen").click();
    await page.getByRole("textbox", { name: "Benutzerkennung" }).fill("bo");
    await page.getByRole("combobox", { name: "Passwort" }).selectOption({ label: "Keines: Nur Token handeln" });
    await button("Anlegen").click();
    await page.locator("input[aria-invalid=true]").waitFor();
    await holds("a user who is there already");
    await button("Importieren").click();
    await page.getByLabel("CSV-Datei").setInputFiles({
      name: "leute.csv",
      mimeType: "text/csv",
      buffer: Buffer.from("id,name,role,password\nkai,Kai Vogt,,\nbo,Bo Y.,dispatcher,ganz geheim\n"),
    });
    await page.getByText("1 Benutzer ist neu: kai").waitFor();
    await holds("an import");
    const pages: [string, string][] = [
      ["groups", "Trupp Nord"],
      ["groups/trupp-nord", "2 Mitglieder"],
      ["watchers", "Lena Vogt"],
      ["sos", "Alle im Dienst"],
      ["tokens", "scada:north"],
      ["webhooks", "https://empfang.example.org/"],
      ["webhooks/1", "Der Empfänger hat bisher alles angenommen."],
      ["phrases", "1 Feld: Leitung"],
      ["retention", "400 Tage"],
      ["audit", "Beobachter angelegt"],
      ["state", "Der Speicher nimmt Änderungen an"],
    ];
    for (const [path, text] of pages) {
      await page.goto(`/admin/${path}`);
      await page.getByText(text).filter({ visible: true }).first().waitFor();
      await screen.inContact();
      await holds(path);
    }
    await page.getByRole("combobox", { name: "Sprache" }).selectOption({ label: "English" });
    await page.getByRole("heading", { name: "State of the system" }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("en");
    await page.getByRole("combobox", { name: "Language" }).selectOption({ label: "As the browser" });
    await page.getByRole("heading", { name: "Zustand des Systems" }).waitFor();
    expect(screen.faults).toEqual([]);
  } finally {
    await screen.close();
  }
}, 120_000);
