// What all screens share: who is signed in, the lists, the contact, the alerts, the place in the app. It holds copies of
// what the store has, and reads them anew when the store says that something changed.

import { clock, deviceId, frame, idle, keptBytes, net, random, uuid } from "./browser.ts";
import type { Tx } from "./core/database.ts";
import { listsIn } from "./core/lists.ts";
import { Local } from "./core/local.ts";
import type { Act, Chat, Message } from "./core/model.ts";
import { CallError } from "./core/net.ts";
import { Pace } from "./core/pace.ts";
import { pathOf, type Route, routeOf } from "./core/route.ts";
import type { Contact } from "./core/sync.ts";
import { Sync } from "./core/sync.ts";
import type { Me, Person } from "./core/wire.ts";
import { arrive } from "./focus.svelte.ts";
import { t } from "./messages/choose.ts";
import { Search } from "./search.svelte.ts";
import { Outside, Setup } from "./setup.svelte.ts";
import { Shortcuts } from "./shortcuts.svelte.ts";
import { Sos } from "./sos.svelte.ts";
import { alarm, chime } from "./sound.ts";
import type { ToPage } from "./system.ts";
import type { Word } from "./tabs.ts";
import { Tabs } from "./tabs.ts";
import { stayAwake } from "./wake.ts";

/** Toasts at once; the oldest goes when there are more. Unread stays unread. */
const TOASTS_MAX = 3;
/** How often the tab that leads looks whether the device keeps too much. */
const TIDY_MS = 600_000;
/** The least time between two readings of the lists while they are looked at. What is urgent does not wait: an emergency, and what the person did. */
const READ_MS = 100;
/** How long signing out waits for the browser to forget its subscription: the server has ended it with the session. */
const LEAVING_MS = 3_000;
/** Kept where signing out could not be told to the server. */
const ENDING = "crewline.ending";

export class App {
  stage = $state<"starting" | "signedOut" | "signedIn">("starting");
  notice = $state("");
  me = $state.raw<Me | undefined>();
  contact = $state<Contact>("connecting");
  lostSince = $state<number | undefined>();
  route = $state.raw<Route>({ screen: "chats" });
  chats = $state.raw<Chat[]>([]);
  people = $state.raw<Map<string, Person>>(new Map());
  waiting = $state.raw<Act[]>([]);
  emergencies = $state.raw<Message[]>([]);
  banners = $state.raw<Message[]>([]);
  toasts = $state.raw<Message[]>([]);
  /** Those that are not shown yet. */
  private news: Message[] = [];
  /** What this device could not keep just now, in words. It goes with the next thing that it keeps. */
  fault = $state("");
  /** Emergencies that were set aside to reply to one of them: as long as its conversation is open, and no other comes. */
  private aside = $state.raw<{ chatId: string; messageIds: Set<string> } | undefined>();
  /** The message to which a conversation that opens begins a reply. */
  replyTo = $state.raw<Message | undefined>();
  /** Where j and k lead to something else than the next chat; it says whether they did. */
  walking: ((step: 1 | -1) => boolean) | undefined;
  /** What is to be done while there still is a session. */
  beforeLeaving: (() => Promise<void>) | undefined;
  isVisible = $state(document.visibilityState === "visible");

  readonly local: Local;
  readonly setup: Setup;
  readonly sos: Sos;
  readonly search: Search;
  readonly shortcuts: Shortcuts;
  private readonly outside: Outside;
  readonly tabs = new Tabs();
  private sync: Sync | undefined;
  private isReading = false;
  private mustRead = false;
  private readonly pace = new Pace(clock, READ_MS);
  /**
   * What a desk reads with the lists, in the same transaction: it resolves to what shows it. So all that one change makes
   * different is drawn at once.
   */
  beside: ((tx: Tx, changed: ReadonlySet<string> | "all") => Promise<() => void>) | undefined;
  /** The chats that are not in the lists as they are in the store. */
  private changed: ReadonlySet<string> | "all" = "all";

  private constructor(local: Local) {
    this.local = local;
    this.setup = new Setup(local);
    this.sos = new Sos(local, () => this.poke());
    this.search = new Search(local);
    this.shortcuts = new Shortcuts(this);
    this.outside = new Outside(local);
    this.tabs.listen((word) => this.hear(word));
    this.route = routeOf(location.pathname, location.hash);
    local.listen((chats, isElsewhere) => {
      if (!isElsewhere) this.tabs.say({ changed: chats === "all" ? "all" : [...chats] });
      this.changed = chats === "all" || this.changed === "all" ? "all" : new Set([...this.changed, ...chats]);
      void this.read();
    });
    addEventListener("popstate", () => {
      this.come(routeOf(location.pathname, location.hash));
      void this.read();
      void arrive();
    });
    // A press on a notification.
    navigator.serviceWorker?.addEventListener("message", ({ data }: MessageEvent<ToPage>) => {
      const { pathname, hash } = new URL(data.go, location.href);
      this.go(routeOf(pathname, hash));
    });
    addEventListener("online", () => this.wake());
    addEventListener("offline", () => this.sync?.offline());
    document.addEventListener("visibilitychange", () => {
      this.isVisible = document.visibilityState === "visible";
      // A hidden page has slow clocks.
      this.pace.hurry();
      if (!this.isVisible) return;
      this.wake();
      void this.read();
    });
  }

  static async start(): Promise<App> {
    const app = new App(await Local.open("crewline", indexedDB));
    void navigator.storage?.persist?.();
    const me = await app.local.me();
    if (me !== undefined) await app.begin(me);
    else await app.adopt();
    return app;
  }

  /** Signs in where the browser has a session already, and this device knows nobody. */
  private async adopt(): Promise<void> {
    try {
      if (localStorage.getItem(ENDING) !== null) {
        await net.call("DELETE", "/api/v1/session");
        localStorage.removeItem(ENDING);
      } else {
        const me = await net.call<Me>("GET", "/api/v1/me");
        await this.local.signIn(me);
        return void (await this.begin(me));
      }
    } catch (error) {
      if (error instanceof CallError && error.status === 401) localStorage.removeItem(ENDING);
    }
    this.stage = "signedOut";
  }

  private async begin(me: Me): Promise<void> {
    this.me = me;
    this.notice = "";
    [this.lostSince] = await Promise.all([this.local.lastContact(), this.sos.begin()]);
    await this.read();
    this.stage = "signedIn";
    void stayAwake();
    if (this.sync !== undefined) return this.sync.start();
    this.tabs.say({ asked: true });
    this.tabs.lead("crewline-sync", () => this.lead());
  }

  private lead(): void {
    this.sync ??= new Sync(this.local, net, clock, random, {
      contact: (contact) => {
        this.setContact(contact);
        this.tabs.say({ contact });
      },
      arrived: ({ arrived: fresh, reminded }) => {
        // Who is reminded is told as if it came now.
        const arrived = [...fresh, ...reminded];
        if (arrived.length === 0) return;
        this.announce(arrived);
        this.tabs.say({ arrived });
        // This tab speaks for all: where it is hidden, the service worker looks whether another is in front.
        const ids = (messages: Message[]) => messages.map(({ messageId }) => messageId);
        if (!this.isVisible) void this.outside.tell(ids(fresh), ids(reminded));
      },
    });
    if (this.stage === "signedIn") this.sync.start();
    void this.outside.refresh();
    clock.after(TIDY_MS, () => void this.tidy());
  }

  /** Keeps the store within its bound; it is all at the server, so that a failure costs nothing. */
  private async tidy(): Promise<void> {
    try {
      await this.local.tidy(await keptBytes(), Date.now(), idle);
    } catch {
      // The next time.
    }
    clock.after(TIDY_MS, () => void this.tidy());
  }

  private setContact(contact: Contact): void {
    if (contact === "lost" && this.contact === "live") this.lostSince = Date.now();
    this.contact = contact;
    if (contact === "live") {
      void this.setup.start(this.sync !== undefined);
      void this.sos.learn();
    }
    if (contact === "signedOut") {
      this.notice = t.signIn.ended;
      this.stage = "signedOut";
      alarm(false);
      // The server pushes no more to a session that has ended, and what stands is for nobody to read.
      void this.setup.leave().catch(() => {});
    }
  }

  private hear(word: Word): void {
    if ("changed" in word) {
      this.local.hearElsewhere(word.changed === "all" ? "all" : new Set(word.changed));
    } else if ("contact" in word) this.setContact(word.contact);
    else if ("arrived" in word) this.announce(word.arrived);
    else if ("poke" in word) this.sync?.poke();
    else if ("wake" in word) this.sync?.wake();
    else if ("pushed" in word) void this.setup.pushed();
    else if ("asked" in word) {
      if (this.sync !== undefined) this.tabs.say({ contact: this.contact });
    } else if ("left" in word) location.replace("/");
  }

  async signIn(userId: string, password: string): Promise<void> {
    const deviceName = navigator.userAgent.includes("Mobile") ? "Phone" : "Browser";
    await net.call("POST", "/api/v1/session", { userId, password, deviceId: deviceId(), deviceName });
    localStorage.removeItem(ENDING);
    const me = await net.call<Me>("GET", "/api/v1/me");
    await this.local.signIn(me);
    await this.begin(me);
  }

  /** Ends the session, and leaves nothing on this device. Without contact the session is ended when there is some. */
  async signOut(): Promise<void> {
    this.sync?.stop();
    const late = new Promise((done) => setTimeout(done, LEAVING_MS));
    await Promise.race([this.beforeLeaving?.().catch(() => {}), late]);
    const left = Promise.race([this.setup.leave().catch(() => {}), late]);
    localStorage.setItem(ENDING, "1");
    try {
      await net.call("DELETE", "/api/v1/session");
      localStorage.removeItem(ENDING);
    } catch {
      // The next start tries again.
    }
    await this.local.clear();
    await left;
    this.tabs.say({ left: true });
    location.replace("/");
  }

  go(route: Route): void {
    const path = pathOf(route);
    if (path !== location.pathname + location.hash) history.pushState(null, "", path);
    this.come(route);
    this.fault = "";
    // Where a page would have been loaded, the focus is at what one came to.
    void arrive();
  }

  /** A press on a link leads there in this tab, unless the person asks for another one. */
  goBy(event: MouseEvent, route: Route): void {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    this.go(route);
  }

  /** A chat that was made here may have got its name from the server: the address follows it, what is open stays. */
  private follow(route: Route, chatId: string | undefined): void {
    if (route.screen !== "chat" || chatId === undefined || chatId === route.chatId || this.route !== route) return;
    this.route = { ...route, chatId, began: route.began ?? route.chatId };
    history.replaceState(null, "", pathOf(this.route));
  }

  /** Makes a chat on this device; the server makes it when there is contact. Resolves to its id. */
  async startChat(people: Person[]): Promise<string> {
    await this.local.keepPeople(people);
    const ids = people.map(({ userId }) => userId);
    const chatId = await this.local.startChat(`new-${uuid()}`, ids, this.now());
    this.poke();
    return chatId;
  }

  private come(route: Route): void {
    if (route.screen !== "chat" || route.chatId !== this.aside?.chatId) this.endAside();
    this.route = route;
  }

  /** The emergency that takes the screen: the oldest, unless they were set aside. */
  get alarming(): Message | undefined {
    return this.aside === undefined ? this.emergencies[0] : undefined;
  }

  /** Opens the conversation of an emergency with a reply to it. The emergency stays, and comes back after it. */
  replyToEmergency(message: Message): void {
    this.aside = { chatId: message.chatId, messageIds: new Set(this.emergencies.map(({ messageId }) => messageId)) };
    this.replyTo = message;
    alarm(false);
    this.go({ screen: "chat", chatId: message.chatId });
  }

  get isAside(): boolean {
    return this.aside !== undefined && this.emergencies.length > 0;
  }

  endAside(): void {
    this.aside = undefined;
    this.sound();
  }

  /** Sounds as long as an emergency takes the screen. */
  private sound(): void {
    alarm(this.alarming !== undefined && this.me !== undefined && this.stage !== "signedOut");
  }

  /** What was put into the store is to be sent. */
  poke(): void {
    if (this.sync !== undefined) this.sync.poke();
    else this.tabs.say({ poke: true });
  }

  wake(): void {
    if (this.stage !== "signedIn") return;
    if (this.sync !== undefined) this.sync.wake();
    else this.tabs.say({ wake: true });
  }

  fetchBefore(chatId: string, position: number): Promise<boolean> {
    const sync = this.sync ?? new Sync(this.local, net, clock, random, { contact: () => {}, arrived: () => {} });
    return sync.fetchBefore(chatId, position);
  }

  now(): string {
    return new Date().toISOString();
  }

  async send(chatId: string, text: string, replyTo: string | undefined, readUpTo: string | undefined): Promise<void> {
    await this.local.reply({ chatId, text, key: uuid(), at: this.now(), replyTo, readUpTo });
    this.pace.hurry();
    this.poke();
    if (this.aside?.chatId === chatId) this.endAside();
  }

  /** Does what the person asked for, and says so where the device cannot keep it: then it can be pressed again. */
  async keep(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      this.pace.hurry();
      this.fault = "";
      return true;
    } catch {
      this.fault = t.notKept;
      return false;
    }
  }

  acknowledge(messageId: string): Promise<boolean> {
    return this.keep(async () => {
      await this.local.acknowledge(messageId, this.now());
      this.poke();
    });
  }

  async markRead(chatId: string, upTo: number, emergencies: string[]): Promise<void> {
    try {
      if (await this.local.read(chatId, upTo, emergencies, this.now())) this.poke();
    } catch {
      // A device that cannot keep it says nothing of it. It is tried again with the next look.
    }
  }

  dismissToast(messageId: string): void {
    this.toasts = this.toasts.filter((toast) => toast.messageId !== messageId);
  }

  /** The name of a person as far as it is known here. */
  nameOf(userId: string): string {
    return this.people.get(userId)?.name ?? userId;
  }

  othersIn(chat: Chat): string[] {
    return chat.userIds.filter((id) => id !== this.me?.userId).map((id) => this.nameOf(id));
  }

  private isLookedAt(chatId: string): boolean {
    return (
      this.isVisible && this.alarming === undefined && this.route.screen === "chat" && this.route.chatId === chatId
    );
  }

  /** Messages that came just now. Emergencies and sticky ones are found in the store; these pass. */
  private announce(arrived: Message[]): void {
    if (arrived.some(({ priority }) => priority === 1)) this.pace.hurry();
    // An emergency that was set aside takes the screen again when it comes again.
    if (arrived.some(({ messageId }) => this.aside?.messageIds.has(messageId))) this.endAside();
    const news = arrived.filter((message) => !this.isLookedAt(message.chatId));
    if (news.some(({ priority }) => priority !== 1)) chime();
    for (const message of news) if (message.priority === 2) this.news = withToast(this.news, message);
    // Else they are shown with the lists that tell of them.
    if (!this.isReading) this.showNews();
  }

  private showNews(): void {
    const { news } = this;
    if (news.length === 0) return;
    this.news = [];
    this.toasts = news.reduce(withToast, this.toasts);
  }

  /** Reads the lists anew: once for all changes that come while it reads. */
  async read(): Promise<void> {
    this.mustRead = true;
    if (this.isReading) return;
    this.isReading = true;
    try {
      for (let isAgain = false; this.mustRead; isAgain = true) {
        // What comes faster than it is painted is read once for each frame; where somebody looks, at the pace of people.
        if (isAgain) await frame();
        if (this.isVisible) await this.pace.next();
        this.mustRead = false;
        await this.readLists();
      }
    } catch {
      // What is shown stays as it was; the next change reads again.
    } finally {
      this.isReading = false;
      this.showNews();
    }
  }

  private async readLists(): Promise<void> {
    const { local, changed, route, chats, beside } = this;
    const toasts = [...this.toasts, ...this.news];
    const openId = route.screen === "chat" ? route.chatId : undefined;
    this.changed = new Set();
    const [lists, showBeside] = await local
      .look((tx) => Promise.all([listsIn(tx, { chats, changed, toasts, openId }), beside?.(tx, changed)]))
      .catch((error) => {
        this.changed = "all";
        throw error;
      });
    this.chats = lists.chats;
    if (lists.people !== undefined) this.people = new Map(lists.people.map((person) => [person.userId, person]));
    this.waiting = lists.waiting;
    this.emergencies = lists.emergencies;
    this.banners = newestOfEach(lists.banners);
    this.sos.show(lists.sos, lists.sosTo);
    showBeside?.();
    this.follow(route, lists.openId);
    this.news = this.news.filter(({ messageId }) => !lists.read.has(messageId));
    if (lists.read.size > 0) this.toasts = this.toasts.filter(({ messageId }) => !lists.read.has(messageId));
    this.showNews();
    // A new one, or none any more: nothing stays aside.
    const { aside } = this;
    if (aside !== undefined && !isAside(lists.emergencies, aside.messageIds)) this.aside = undefined;
    this.sound();
    if (this.sync !== undefined) void this.outside.refresh(lists.standing);
  }
}

/** Whether all emergencies that there are were set aside. */
function isAside(emergencies: Message[], messageIds: ReadonlySet<string>): boolean {
  return emergencies.length > 0 && emergencies.every(({ messageId }) => messageIds.has(messageId));
}

/** One toast for each chat, the newest last. */
function withToast(toasts: Message[], message: Message): Message[] {
  return [...toasts.filter(({ chatId }) => chatId !== message.chatId), message].slice(-TOASTS_MAX);
}

/** One banner for each chat: a newer message renews it. */
function newestOfEach(messages: Message[]): Message[] {
  return [...new Map(messages.map((message) => [message.chatId, message])).values()];
}
