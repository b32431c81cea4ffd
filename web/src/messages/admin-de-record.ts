// What the record of administration says, in German: what is kept, who did what, and how the server is.

import type { record as english } from "./admin-en-record.ts";

const count = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;

export const record: typeof english = {
  retention: {
    text: "Was entfernt wird, wenn es alt ist. Es steht in der Konfiguration des Servers und wird allein dort geändert: in crewline.toml, und dann wird der Server neu gestartet.",
    messages: "Texte und Ereignisse",
    cursors: "Ein Cursor, der sich nicht bewegt, hält sein Log fest",
    audit: "Das Protokoll",
    forever: "Für immer",
    days: (n: number) => count(n, "Tag", "Tage"),
    hours: (n: number) => count(n, "Stunde", "Stunden"),
    setting: "Einstellung",
    kept: "Aufbewahrt",
    what: "Was",
  },
  audit: {
    who: "Wer",
    about: "Über wen oder was",
    what: "Was",
    all: "Alles",
    from: "Von",
    to: "Bis",
    at: "Wann",
    address: "Von wo",
    by: "Mit",
    detail: "Näheres",
    refused: "Abgewiesen",
    none: "So findet sich nichts.",
    shown: (n: number, more: boolean) => (more ? `Die neuesten ${n}` : count(n, "Zeile", "Zeilen")),
    sets: {
      signIns: "Alle Anmeldungen",
      administration: "Alles aus der Verwaltung",
      reads: "Alles, was Beobachter lasen, und Geschichten",
    },
    export: "Als CSV",
    exported: (n: number, isAll: boolean) =>
      isAll
        ? `${count(n, "Zeile ist", "Zeilen sind")} in der Datei.`
        : `Die neuesten ${n} Zeilen sind in der Datei. Für die übrigen bitte den Zeitraum enger wählen.`,
    file: "crewline-protokoll.csv",
    story: "Die Geschichte einer Nachricht",
    storyId: "Kennung der Nachricht",
    storyHint:
      "Wie die API und das Leitsystem sie nennen. Im Gespräch steht „Ganze Geschichte“ an Ihren eigenen Nachrichten.",
    page: "Seite zum Drucken",
    whats: {
      "session.opened": "Angemeldet",
      "session.closed": "Abgemeldet",
      "refused.more": "Weiteres wurde abgewiesen",
      "user.added": "Benutzer angelegt",
      "user.named": "Namen geändert",
      "user.role": "Rolle geändert",
      "user.enabled": "Benutzer wieder zugelassen",
      "user.disabled": "Benutzer gesperrt",
      "user.password": "Passwort gesetzt",
      "user.signedOut": "Benutzer überall abgemeldet",
      "user.sessionEnded": "Sitzung beendet",
      "user.deviceSignedOut": "Gerät abgemeldet",
      "user.imported": "Benutzer importiert",
      "watcher.made": "Beobachter angelegt",
      "watcher.ended": "Beobachter beendet",
      "token.made": "Token angelegt",
      "token.revoked": "Token widerrufen",
      "group.put": "Gruppe angelegt oder geändert",
      "group.removed": "Gruppe entfernt",
      "duty.said": "Dienst gesetzt",
      "organisation.changed": "Vorgaben der Organisation geändert",
      "webhook.added": "Webhook angelegt",
      "webhook.changed": "Webhook geändert",
      "webhook.removed": "Webhook entfernt",
      "watcher.read": "Als Beobachter gelesen",
      "story.read": "Geschichte einer Nachricht gelesen",
      "administration.refused": "Verwaltung abgewiesen",
    },
  },
  state: {
    ready: "Bereit",
    isReady: "Der Speicher nimmt Änderungen an",
    notReady: "Der Speicher nimmt keine Änderungen an",
    version: "Version",
    started: "Gestartet",
    up: "Läuft seit",
    store: "Speicher",
    size: "Größe",
    wal: "Wartet auf seinen Platz",
    free: "Frei auf dem Datenträger",
    schema: "Schema",
    epoch: "Epoche",
    sessions: "Offene Sitzungen von Personen",
    sockets: "Offene Sockets",
    streams: "Offene Ereignisströme",
    queue: "Zeilen, die auf den Schreiber warten",
    failing: "Webhooks, die fehlschlagen",
    push: "Wecken",
    pushOn: "Eingeschaltet",
    pushOff: "Auf dem Server abgeschaltet",
    errors: "Letzte Warnungen und Fehler",
    noErrors: "Keine seit dem Start.",
    again: "Noch einmal nachsehen",
    asOf: (time: string) => `Stand ${time}`,
    levels: { warn: "Warnung", error: "Fehler" },
    bytes: (n: number) => {
      const units = ["B", "KiB", "MiB", "GiB", "TiB"];
      let [value, at] = [n, 0];
      for (; value >= 1024 && at < units.length - 1; at++) value /= 1024;
      return `${at === 0 ? value : value.toFixed(1).replace(".", ",")} ${units[at]}`;
    },
  },
};
