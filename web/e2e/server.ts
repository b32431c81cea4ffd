// The real program, on a store of its own, on a port that it keeps when it is started again.

import type { ChildProcess } from "node:child_process";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Authority } from "./authority.ts";

const root = join(import.meta.dirname, "../..");
export const program = process.env.CREWLINE_BIN ?? join(root, "target/debug/crewline");
export const PASSWORD = "correct horse battery staple";

export const PEOPLE = { alice: "Alice Adams", bob: "Bob Brown", carol: "Carol Clark" };

export interface Told {
  seq: number;
  type: string;
  data: { messageId: string; userId?: string; message?: string };
}

interface Start {
  people?: Record<string, string>;
  /** Many more, by id and name, who never sign in. */
  crowd?: [id: string, name: string][];
  /** Of those who are not crew. */
  roles?: Record<string, string>;
  isSecure?: boolean;
  /** Settings by the environment. */
  env?: Record<string, string>;
}

export class Server {
  private readonly folder = mkdtempSync(join(tmpdir(), "crewline-e2e-"));
  private process: ChildProcess | undefined;
  private listen = "127.0.0.1:0";
  private tokens = new Map<string, string>();
  url = "";

  /** Settings of its own. */
  private env: Record<string, string> = {};

  /** Where the server is reached by https alone. */
  authority: Authority | undefined;

  static async start(how: Start = {}): Promise<Server> {
    if (!existsSync(program)) throw new Error(`${program} is missing: cargo build --workspace`);
    const server = new Server();
    server.env = how.env ?? {};
    if (how.isSecure) server.authority = new Authority(server.folder);
    server.makePeople(how.people ?? PEOPLE, how.roles ?? {});
    if (how.crowd !== undefined) server.importPeople(how.crowd);
    await server.up();
    return server;
  }

  private makePeople(people: Record<string, string>, roles: Record<string, string>): void {
    for (const [id, name] of Object.entries(people))
      this.run(["user", "add", id, "--name", name, "--role", roles[id] ?? "crew", "--password-stdin"], PASSWORD);
  }

  private importPeople(people: [id: string, name: string][]): void {
    const lines = people.map(([id, name]) => `${id},${name},crew,`);
    const file = join(this.folder, "people.csv");
    writeFileSync(file, ["id,name,role,password", ...lines, ""].join("\n"));
    this.run(["user", "import", file]);
  }

  /** An administrator lets somebody see what a system sees. */
  watch(userId: string, participant: string): void {
    this.token(participant);
    this.run(["user", "watch", userId, participant]);
  }

  private run(words: string[], input = ""): string {
    const store = `sqlite://${join(this.folder, "crewline.db")}`;
    return execFileSync(program, ["--store", store, ...words], {
      input,
      cwd: this.folder,
      encoding: "utf8",
      stdio: ["pipe", "pipe", "pipe"],
    });
  }

  /** Starts it, at its old address if it had one; resolves when it is ready. */
  async up(): Promise<void> {
    const store = `sqlite://${join(this.folder, "crewline.db")}`;
    const { cert, key } = this.authority ?? {};
    const tls = cert === undefined || key === undefined ? [] : ["--tls-cert", cert, "--tls-key", key];
    const child = spawn(program, ["--store", store, "serve", "--listen", this.listen, ...tls], {
      cwd: this.folder,
      env: { ...process.env, ...this.env },
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.process = child;
    for await (const line of createInterface({ input: child.stdout })) {
      const found = /^listening on (https?:\/\/(.+))$/.exec(line);
      if (found === null) continue;
      this.url = found[1] ?? "";
      this.listen = found[2] ?? "";
      return;
    }
    throw new Error("the server ended before it was ready");
  }

  /** Its address by another name. */
  at(host: string | undefined): string {
    return host === undefined ? this.url : this.url.replace("127.0.0.1", host);
  }

  /** Kills it as a power cut would. */
  async kill(): Promise<void> {
    const child = this.process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  setRole(id: string, role: "crew" | "dispatcher" | "administrator"): void {
    this.run(["user", "role", id, role]);
  }

  signOutUser(id: string): void {
    this.run(["user", "sign-out", id]);
  }

  /** Sets a part of what the organisation keeps. */
  organise(part: "sos" | "phone", value: unknown): void {
    const file = join(this.folder, `${part}.json`);
    writeFileSync(file, JSON.stringify(value));
    this.run(["organisation", "set", part, file]);
  }

  private token(owner: string): string {
    const known = this.tokens.get(owner);
    if (known !== undefined) return known;
    const kind = owner.startsWith("scada:") ? "--external" : "--user";
    const made = this.run(["token", "create", kind, owner]).trim();
    this.tokens.set(owner, made);
    return made;
  }

  async call<T>(who: string, method: string, path: string, body?: unknown): Promise<T> {
    const headers = { Authorization: `Bearer ${this.token(who)}`, "Content-Type": "application/json" };
    const { isGood, answer } = await this.ask(
      method,
      path,
      headers,
      body === undefined ? undefined : JSON.stringify(body),
    );
    if (!isGood) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer as T;
  }

  /** An act without an answer that matters; it was done, or the test fails. */
  async act(who: string, method: string, path: string, body?: unknown): Promise<void> {
    const headers = { Authorization: `Bearer ${this.token(who)}`, "Content-Type": "application/json" };
    const response = await fetch(this.url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  }

  private async ask(method: string, path: string, headers: Record<string, string>, body: string | undefined) {
    const ca = this.authority?.ca;
    if (ca === undefined) {
      const response = await fetch(this.url + path, { method, headers, ...(body === undefined ? {} : { body }) });
      const text = await response.text();
      return { isGood: response.ok, answer: text === "" ? undefined : JSON.parse(text) };
    }
    // fetch knows no authority but those of the system.
    return new Promise<{ isGood: boolean; answer: unknown }>((resolve, reject) => {
      const asked = request(this.url + path, { method, headers, ca }, async (response) => {
        let text = "";
        for await (const piece of response.setEncoding("utf8")) text += piece;
        resolve({ isGood: (response.statusCode ?? 500) < 300, answer: JSON.parse(text) });
      });
      asked.on("error", reject);
      asked.end(body);
    });
  }

  /** A message from the control system. */
  send(
    to: string[],
    message: string,
    priority: 1 | 2 | 3 = 2,
    name = "SCADA Control System",
  ): Promise<{ messageId: string; chatId: string }> {
    const toUsers = to.map((toUserId) => ({ toUserId }));
    return this.call("scada:north", "POST", "/api/v1/messages", {
      fromExtUserId: "scada:north",
      fromExtUserName: name,
      toUsers,
      message,
      priority,
    });
  }

  /** A message of a user by the API. */
  async say(
    who: string,
    to: string[],
    message: string,
    priority: 1 | 2 | 3 = 2,
  ): Promise<{ messageId: string; chatId: string }> {
    const chat = await this.call<{ chatId: string }>(who, "POST", "/api/v1/chats", { toUserIds: to });
    return this.call(who, "POST", `/api/v1/chats/${chat.chatId}/messages`, { message, priority });
  }

  /** Waits, by long poll, for what the control system is told of a message. */
  async told(type: string, messageId: string, userId: string, who = "scada:north"): Promise<Told> {
    for (let after = 0; ; ) {
      const page = await this.call<{ events: Told[]; next: number }>(
        who,
        "GET",
        `/api/v1/participants/me/events?after=${after}&wait=20`,
      );
      const found = page.events.find(
        (event) => event.type === type && event.data.messageId === messageId && event.data.userId === userId,
      );
      if (found !== undefined) return found;
      if (page.events.length === 0) throw new Error(`nobody told of ${type} for ${messageId}`);
      after = page.next;
    }
  }

  /** All texts of a chat as the server has them, oldest first. */
  async texts(who: string, chatId: string): Promise<string[]> {
    const page = await this.call<{ messages: { message: string }[] }>(who, "GET", `/api/v1/chats/${chatId}/messages`);
    return page.messages.map(({ message }) => message).reverse();
  }

  state(messageId: string, who = "scada:north"): Promise<{ recipients: { userId: string; state: string }[] }> {
    return this.call(who, "GET", `/api/v1/messages/${messageId}`);
  }
}
