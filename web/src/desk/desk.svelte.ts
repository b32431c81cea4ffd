// What a desk knows beyond what every app does: what is still to come of messages, those who are watched, who is there, who
// sits here. What changed is read with the lists of the app.

import type { App } from "../app.svelte.ts";
import { clock, net, uuid } from "../browser.ts";
import type { Tx } from "../core/database.ts";
import { neighbour } from "../core/keys.ts";
import type { Message } from "../core/model.ts";
import { type Need, needsOf } from "../core/needs.ts";
import { CallError } from "../core/net.ts";
import { pagesOf } from "../core/pages.ts";
import type { WatchedMessage } from "../core/watched.ts";
import type { Group, GroupsPage, Me, MessageView, Phrase, Priority, ToGroup } from "../core/wire.ts";
import { t } from "../messages/choose.ts";
import { Draft } from "./draft.svelte.ts";
import { Following } from "./following.svelte.ts";
import { Seating } from "./seating.svelte.ts";
import type { Organisation, PresencePage, Present } from "./wire.ts";

/** The message in work, and with whose eyes it is seen. */
export interface InWork {
  messageId: string;
  via?: string;
}

/** How long a call for news of people is held by the server, and the least time between two readings of all of them. */
const WAIT_S = 50;
const PEOPLE_MS = 1_000;
/** Groups and phrases change seldom. */
const KEPT_MS = 30_000;
const AGAIN_MS = 3_000;
const PAGE = 1_000;

/** Whether it is opened here, and not by its chat. */
const isHere = ({ kind }: Need) => kind === "emergency" || kind === "silent";

/** Own messages of some chats, or of all, of which something is still to come. */
async function dueIn(tx: Tx, chats: ReadonlySet<string> | "all"): Promise<Message[]> {
  return chats === "all" ? tx.due() : (await Promise.all([...chats].map((chatId) => tx.due(chatId)))).flat();
}

export class Desk {
  readonly app: App;
  readonly draft: Draft;
  now = $state(Date.now());
  due = $state.raw<Message[]>([]);
  watched = $state.raw<Map<string, WatchedMessage>>(new Map());
  people = $state.raw<Present[]>([]);
  groups = $state.raw<Group[]>([]);
  phrases = $state.raw<Phrase[]>([]);
  fault = $state("");
  /** What was chosen to be in work; else what needs it most. */
  private chosen = $state.raw<InWork | undefined>();
  /** What one came to by the keyboard: its place in the list, and its chat. */
  private walked: { at: number; chatId: string } | undefined;
  /** A message that was just sent from here: it is in work from the moment in which the server has it. */
  private sent: { chatId: string; text: string } | undefined;

  readonly present = $derived(new Map(this.people.map((person) => [person.userId, person])));
  /** The names of the groups that somebody is in. */
  readonly crews = $derived.by(() => {
    const crews = new Map<string, string>();
    for (const { name, userIds } of this.groups)
      for (const id of userIds) crews.set(id, crews.has(id) ? `${crews.get(id)}, ${name}` : name);
    return crews;
  });
  readonly watchedDue = $derived([...this.watched.values()].filter(({ due }) => due !== undefined));
  /** What it is made of is read together, and seldom more than ten times a second. */
  readonly needs = $derived.by((): Need[] => {
    const { emergencies, waiting, chats } = this.app;
    return needsOf({ emergencies, due: [...this.due, ...this.watchedDue], waiting, chats, now: this.now });
  });
  readonly work = $derived.by((): InWork | undefined => {
    if (this.chosen !== undefined) return this.chosen;
    const need = this.needs.find(({ kind }) => kind === "emergency" || kind === "silent");
    if (need?.messageId === undefined) return undefined;
    return need.via === undefined ? { messageId: need.messageId } : { messageId: need.messageId, via: need.via };
  });

  readonly following: Following;
  readonly seats: Seating;
  private isRunning = true;
  private watches: string[] | undefined;
  private version: number | undefined;
  private arrived: WatchedMessage[] = [];
  private isRead = false;
  private readonly ends: (() => void)[] = [];

  constructor(app: App) {
    this.app = app;
    this.draft = new Draft(this);
    this.following = new Following(app, (messages) => {
      this.arrived.push(...messages);
      void app.read();
    });
    this.seats = new Seating(app);
    app.walking = (step) => this.walk(step);
    // Who signs out does not sit here any more.
    app.beforeLeaving = async () => {
      if (this.seats.mine !== undefined) await this.seats.leave();
    };
    const second = () => {
      this.now = Date.now();
      this.ends[0] = clock.after(1_000 - (this.now % 1_000), second);
    };
    this.ends.push(() => {});
    second();
    app.beside = (tx, changed) => this.readBeside(tx, changed);
    void app.read();
  }

  close(): void {
    this.isRunning = false;
    this.app.beforeLeaving = undefined;
    this.app.walking = undefined;
    this.app.beside = undefined;
    for (const end of this.ends) end();
    this.following.close();
  }

  /** What this device keeps is shown: on to what it does not know. */
  private goOn(): void {
    this.isRead = true;
    void this.keepPeople();
    void this.keepRest();
  }

  /** Reads what is still to come of the chats that changed, with the lists of the app, and resolves to what shows it. */
  private async readBeside(tx: Tx, changed: ReadonlySet<string> | "all"): Promise<() => void> {
    const isFirst = !this.isRead;
    const of = isFirst ? "all" : changed;
    // What comes to be in work first is chosen of all that there is.
    const [due, watched] = await Promise.all([dueIn(tx, of), isFirst ? tx.all("watched") : []]);
    return () => {
      if (!this.isRunning) return;
      if (isFirst) this.watched = new Map(watched.map((message) => [message.messageId, message]));
      this.showArrived();
      if (isFirst) this.goOn();
      if (of !== "all" && of.size === 0) return;
      this.due = of === "all" ? due : [...this.due.filter(({ chatId }) => !of.has(chatId)), ...due];
      // What could not be read now is looked for with the next change.
      void this.findSent().catch(() => {});
    };
  }

  private showArrived(): void {
    const { arrived } = this;
    if (arrived.length === 0) return;
    this.arrived = [];
    const watched = new Map(this.watched);
    for (const message of arrived) watched.set(message.messageId, message);
    this.watched = watched;
  }

  // ---- The message in work ----

  /** What came to be in work by itself stays until somebody opens something else. */
  hold(): void {
    this.chosen ??= this.work;
  }

  open(work: InWork | undefined): void {
    this.chosen = work;
    this.fault = "";
    this.app.go({ screen: "chats" });
  }

  /** Opens what needs somebody: its message here, or its chat. */
  openNeed(need: Need): void {
    const { chatId, messageId, via } = need;
    if (messageId !== undefined && isHere(need)) this.open(via === undefined ? { messageId } : { messageId, via });
    else this.app.go({ screen: "chat", chatId });
  }

  /** Opens the chat of a question with a reply to it. */
  async answer(need: Need): Promise<void> {
    this.app.replyTo = await this.app.local.message(need.messageId ?? "");
    this.app.go({ screen: "chat", chatId: need.chatId });
  }

  /** The need that is open now. */
  readonly current = $derived.by(() => {
    const { route } = this.app;
    if (route.screen === "chat") return this.needs.find((need) => !isHere(need) && need.chatId === route.chatId);
    if (route.screen !== "chats") return undefined;
    return this.needs.find((need) => isHere(need) && need.messageId === this.work?.messageId);
  });

  /** Opens the next thing that needs somebody, or the one before. It says no where one walks through the chats. */
  private walk(step: 1 | -1): boolean {
    const { needs, current, walked } = this;
    const { route } = this.app;
    const isOn =
      route.screen === "chats" || current !== undefined || (route.screen === "chat" && route.chatId === walked?.chatId);
    if (needs.length === 0 || !isOn) return false;
    let at = current === undefined ? -1 : needs.indexOf(current);
    // What was opened may need nobody any more: then another one has its place.
    if (at < 0 && walked !== undefined) at = step === 1 ? walked.at - 1 : walked.at;
    const next = neighbour(needs, at, step);
    if (next === undefined) return true;
    this.walked = { at: needs.indexOf(next), chatId: next.chatId };
    this.openNeed(next);
    return true;
  }

  private async findSent(): Promise<void> {
    const { sent } = this;
    if (sent === undefined) return;
    const chat = await this.app.local.chat(sent.chatId);
    if (chat?.last?.mine !== true || chat.last.text !== sent.text || this.sent !== sent) return;
    this.sent = undefined;
    this.chosen = { messageId: chat.last.messageId };
  }

  /** Sends as this person, by what waits on this device: to a chat of those who are in the groups when the server makes it. */
  async send(
    toUserIds: string[],
    toGroups: ToGroup[],
    all: string[],
    text: string,
    priority: Priority,
  ): Promise<boolean> {
    const { app } = this;
    return app.keep(async () => {
      const address = toGroups.length === 0 ? undefined : { toUserIds, toGroups };
      const chatId = await app.local.startChat(`new-${uuid()}`, all, app.now(), address);
      await app.local.reply({ chatId, text, key: uuid(), at: app.now(), priority });
      this.sent = { chatId, text };
      app.poke();
    });
  }

  view({ messageId, via }: InWork): Promise<MessageView> {
    const query = via === undefined ? "" : `?participant=${encodeURIComponent(via)}`;
    return net.call<MessageView>("GET", `/api/v1/messages/${encodeURIComponent(messageId)}${query}`);
  }

  /** Reminds those whom no device has told of it. Resolves to whether it was done. */
  async remind(messageId: string): Promise<boolean> {
    this.fault = "";
    try {
      const path = `/api/v1/messages/${encodeURIComponent(messageId)}/reminders`;
      await net.call("POST", path, { until: "delivered" });
      return true;
    } catch (error) {
      const isKnown = error instanceof CallError && error.status > 0;
      this.fault = isKnown ? t.desk.notSentAgain(error.message) : t.desk.notSentAgainNow;
      return false;
    }
  }

  nameOf(userId: string): string {
    return this.present.get(userId)?.name ?? this.app.nameOf(userId);
  }

  // ---- Who is there ----

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => clock.after(ms, resolve));
  }

  /** Reads everybody, and again whenever the server has news of them. */
  private async keepPeople(): Promise<void> {
    while (this.isRunning) {
      try {
        const wait = this.version === undefined ? "" : `&since=${this.version}&wait=${WAIT_S}`;
        const first = await net.call<PresencePage>("GET", `/api/v1/people/presence?limit=${PAGE}${wait}`);
        const people = [...first.people];
        for (let { next } = first; next; ) {
          const path = `/api/v1/people/presence?limit=${PAGE}&after=${encodeURIComponent(next)}`;
          const page = await net.call<PresencePage>("GET", path);
          people.push(...page.people);
          next = page.next;
        }
        const isNews = first.version !== this.version;
        this.version = first.version;
        this.people = people;
        if (isNews) await this.seats.read();
        await this.pause(PEOPLE_MS);
      } catch {
        // Without contact what was known last stands, with its ages.
        await this.pause(AGAIN_MS);
      }
    }
  }

  /** Groups, phrases, who is watched and who sits here: now and then. */
  private async keepRest(): Promise<void> {
    while (this.isRunning) {
      let wait = KEPT_MS;
      try {
        const me = await net.call<Me>("GET", "/api/v1/me");
        await this.watch(me.watches ?? []);
        this.groups = await this.readGroups();
        this.phrases = (await net.call<Organisation>("GET", "/api/v1/organisation")).phrases.phrases;
        await this.seats.keep(this.following.leads);
      } catch {
        wait = AGAIN_MS;
      }
      await this.pause(wait);
    }
  }

  private async readGroups(): Promise<Group[]> {
    const groups: Group[] = [];
    for await (const page of pagesOf<GroupsPage>(net, `/api/v1/groups?limit=${PAGE}`)) groups.push(...page.groups);
    return groups;
  }

  private async watch(watches: string[]): Promise<void> {
    const isKnown = this.watches?.every((id) => watches.includes(id)) ?? false;
    this.watches = watches;
    if (!isKnown) {
      // What is over goes before anything of it is followed.
      await this.app.local.watched.keepOnly(watches);
      this.watched = new Map((await this.app.local.watched.messages()).map((message) => [message.messageId, message]));
    }
    this.following.watch(watches);
  }
}
