// IndexedDB with promises, one transaction at a time. It knows the names of what is kept, and no rule.

import type { Made } from "./made.ts";
import type { Act, Chat, Message, NewAct } from "./model.ts";
import type { SosNote, SosSetting } from "./sos.ts";
import type { WatchedLog, WatchedMessage } from "./watched.ts";
import type { Me, Person } from "./wire.ts";

/** Kept under a name of its own. */
export interface Notes {
  me: Me;
  /** Up to where the log is stored here. Written in the transaction of the events themselves. */
  log: { epoch: string; seq: number };
  /** When the server was last heard, by this device's clock. */
  contact: number;
  made: Made;
  /** When messages were last dropped because of their size. */
  tidied: number;
  /** What belongs to this device and not to a person's messages: the service worker reads it too. */
  device: DeviceNote;
  sos: SosNote;
  sosTo: SosSetting;
}

export interface DeviceNote {
  /** The person wants this device to be woken by push. */
  push?: boolean;
  /** The person wants no vibration. */
  still?: boolean;
  /** The language that the person chose; left out, the browser's. */
  language?: string | undefined;
}

interface Tables {
  chats: Chat;
  messages: Message;
  people: Person;
  outbox: Act;
  /** Messages of those whom this person watches, and how far their logs were followed here. */
  watched: WatchedMessage;
  watchedLogs: WatchedLog;
}

export const NAMES = ["chats", "messages", "people", "outbox", "notes", "watched", "watchedLogs"] as const;

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** What can be done inside of one transaction. Wait for nothing else in it: IndexedDB would end it. */
export class Tx {
  private readonly tx: IDBTransaction;

  constructor(tx: IDBTransaction) {
    this.tx = tx;
  }

  get<N extends keyof Tables>(table: N, key: IDBValidKey): Promise<Tables[N] | undefined> {
    return answer(this.tx.objectStore(table).get(key));
  }

  all<N extends keyof Tables>(table: N): Promise<Tables[N][]> {
    return answer(this.tx.objectStore(table).getAll());
  }

  async put<N extends keyof Tables>(table: N, row: Tables[N]): Promise<void> {
    await answer(this.tx.objectStore(table).put(row));
  }

  async remove(table: keyof Tables, key: IDBValidKey): Promise<void> {
    await answer(this.tx.objectStore(table).delete(key));
  }

  async clear(table: (typeof NAMES)[number]): Promise<void> {
    await answer(this.tx.objectStore(table).clear());
  }

  /** Puts an act behind all others. */
  async queue(act: NewAct): Promise<void> {
    await answer(this.tx.objectStore("outbox").add(act));
  }

  count(table: keyof Tables): Promise<number> {
    return answer(this.tx.objectStore(table).count());
  }

  /** Messages of a chat with positions from `low` to `high`, the newest first, at most `limit`. */
  async messages(chatId: string, low: number, high: number, limit: number): Promise<Message[]> {
    if (high < low) return [];
    const range = IDBKeyRange.bound([chatId, low], [chatId, high]);
    const index = this.tx.objectStore("messages").index("place");
    if (limit === Number.MAX_SAFE_INTEGER) {
      // All at once is many times faster than one by one.
      const all = await answer<Message[]>(index.getAll(range));
      return all.reverse();
    }
    const request = index.openCursor(range, "prev");
    const found: Message[] = [];
    return new Promise((resolve, reject) => {
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const cursor = request.result;
        if (cursor === null || found.length === limit) return resolve(found);
        found.push(cursor.value as Message);
        cursor.continue();
      };
    });
  }

  /** Messages of a chat with positions from `low` to `high`, the oldest first, at most `limit`. */
  async oldest(chatId: string, low: number, high: number, limit: number): Promise<Message[]> {
    if (high < low) return [];
    const range = IDBKeyRange.bound([chatId, low], [chatId, high]);
    return answer<Message[]>(this.tx.objectStore("messages").index("place").getAll(range, limit));
  }

  /** How many messages of a chat are here. */
  countIn(chatId: string): Promise<number> {
    const range = IDBKeyRange.bound([chatId, 0], [chatId, Number.MAX_SAFE_INTEGER]);
    return answer(this.tx.objectStore("messages").index("place").count(range));
  }

  marked(mark: "open" | "banner"): Promise<Message[]> {
    return answer(this.tx.objectStore("messages").index(mark).getAll());
  }

  /** Own messages of a chat, or of all, of which something is still to come. */
  due(chatId?: string): Promise<Message[]> {
    const index = this.tx.objectStore("messages").index("due");
    return answer(index.getAll(chatId === undefined ? null : IDBKeyRange.bound([chatId], [chatId, []])));
  }

  note<N extends keyof Notes>(name: N): Promise<Notes[N] | undefined> {
    return answer(this.tx.objectStore("notes").get(name));
  }

  async setNote<N extends keyof Notes>(name: N, value: Notes[N]): Promise<void> {
    await answer(this.tx.objectStore("notes").put(value, name));
  }

  async dropNote(name: keyof Notes): Promise<void> {
    await answer(this.tx.objectStore("notes").delete(name));
  }
}

export class Database {
  private readonly idb: IDBDatabase;

  private constructor(idb: IDBDatabase) {
    this.idb = idb;
  }

  static async open(name: string, factory: IDBFactory): Promise<Database> {
    const request = factory.open(name, 2);
    request.onupgradeneeded = ({ oldVersion }) => {
      const idb = request.result;
      idb.createObjectStore("watched", { keyPath: "messageId" });
      idb.createObjectStore("watchedLogs", { keyPath: "participantId" });
      if (oldVersion === 1) {
        request.transaction?.objectStore("messages").createIndex("due", ["chatId", "due"]);
        return;
      }
      idb.createObjectStore("chats", { keyPath: "chatId" });
      const messages = idb.createObjectStore("messages", { keyPath: "messageId" });
      messages.createIndex("place", ["chatId", "position"], { unique: false });
      messages.createIndex("open", "open");
      messages.createIndex("banner", "banner");
      messages.createIndex("due", ["chatId", "due"]);
      idb.createObjectStore("people", { keyPath: "userId" });
      idb.createObjectStore("outbox", { keyPath: "n", autoIncrement: true });
      idb.createObjectStore("notes");
    };
    const idb = await answer(request);
    // A newer app in another tab needs the store in its own form: this one is loaded anew.
    idb.onversionchange = () => idb.close();
    return new Database(idb);
  }

  close(): void {
    this.idb.close();
  }

  read<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.run("readonly", work);
  }

  /** All of it, or nothing. When this has resolved, it is kept. */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.run("readwrite", work);
  }

  private async run<T>(mode: IDBTransactionMode, work: (tx: Tx) => Promise<T>): Promise<T> {
    // "strict": what was said to be delivered must be on the disk before it is said.
    const tx = this.idb.transaction([...NAMES], mode, { durability: mode === "readwrite" ? "strict" : "default" });
    return new Promise((resolve, reject) => {
      let outcome: { value: T } | undefined;
      tx.oncomplete = () =>
        outcome ? resolve(outcome.value) : reject(new Error("a transaction ended before its work"));
      tx.onabort = () => reject(tx.error ?? new Error("a transaction was given up"));
      work(new Tx(tx)).then(
        (value) => {
          outcome = { value };
        },
        (error) => {
          reject(error);
          try {
            tx.abort();
          } catch {
            // It has ended already.
          }
        },
      );
    });
  }
}
