// An act of an administrator, and something that is shown: both are with the server, and may fail. What was typed stays.

import { tick } from "svelte";
import { CallError } from "../core/net.ts";
import { t } from "../messages/choose.ts";
import { a } from "../messages/choose-admin.ts";

/** Somebody else was quicker: nothing was changed. */
export class Overtaken extends Error {}

export function faultOf(error: unknown): string {
  if (error instanceof Overtaken) return a.overtaken;
  if (!(error instanceof CallError)) throw error;
  if (error.status === 0) return a.noContact;
  if (error.status === 409 && error.code === "revision_conflict") return a.overtaken;
  return t.problem(error.code, error.message);
}

export class Act {
  isBusy = $state(false);
  fault = $state("");
  /** Whether somebody else was quicker. */
  isOvertaken = $state(false);
  fields = $state.raw<Record<string, string>>({});

  /** Does it, once at a time; false where it failed, and the fault is said then. */
  async run(work: () => Promise<void>): Promise<boolean> {
    if (this.isBusy) return false;
    this.isBusy = true;
    this.clear();
    try {
      await work();
      return true;
    } catch (error) {
      this.fault = faultOf(error);
      this.isOvertaken = this.fault === a.overtaken;
      if (error instanceof CallError) {
        this.fields = Object.fromEntries(error.fields.map(({ field, code, detail }) => [field, a.wrong(code, detail)]));
      }
      await tick();
      document.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
      return false;
    } finally {
      this.isBusy = false;
    }
  }

  clear(): void {
    this.fault = "";
    this.isOvertaken = false;
    this.fields = {};
  }

  /** What is wrong with a field, or with a part of it. */
  at(field: string): string {
    const found = Object.entries(this.fields).find(
      ([name]) => name === field || name.startsWith(`${field}[`) || name.startsWith(`${field}.`),
    );
    return found?.[1] ?? "";
  }
}

export class Load<T> {
  value = $state.raw<T | undefined>();
  fault = $state("");
  private readonly ask: () => Promise<T>;
  private asked = 0;

  constructor(ask: () => Promise<T>) {
    this.ask = ask;
  }

  /** Asks, and asks again; an answer that was overtaken is not shown. */
  async again(): Promise<void> {
    this.asked += 1;
    const mine = this.asked;
    try {
      const value = await this.ask();
      if (mine !== this.asked) return;
      this.value = value;
      this.fault = "";
    } catch (error) {
      if (mine !== this.asked) return;
      this.fault = error instanceof CallError && error.status === 0 ? a.notShown : faultOf(error);
    }
  }
}
