// A message that is being written at the desk: to whom, how urgent, what. It stays while one looks at something else.

import { net } from "../browser.ts";
import { CallError } from "../core/net.ts";
import { filled, type Piece, piecesOf } from "../core/phrase.ts";
import { type Phrase, type Priority, TEXT_MAX, type ToGroup } from "../core/wire.ts";
import { t } from "../messages/choose.ts";
import type { Desk } from "./desk.svelte.ts";
import type { Reach } from "./wire.ts";

export interface Recipient {
  kind: "user" | "group";
  id: string;
  name: string;
}

/** An emergency to more people than this is asked about once more. */
export const MANY = 10;

export class Draft {
  private readonly desk: Desk;
  to = $state.raw<Recipient[]>([]);
  priority = $state<Priority>(3);
  text = $state("");
  /** A phrase whose fields are being filled, in place of the text. */
  pieces = $state.raw<Piece[] | undefined>();
  values = $state<string[]>([]);
  reach = $state.raw<Reach | undefined>();
  /** Why it cannot be said who is reached. */
  reachFault = $state("");
  private asked = 0;

  constructor(desk: Desk) {
    this.desk = desk;
  }

  readonly whole = $derived(
    this.pieces === undefined ? { text: this.text, open: [] } : filled(this.pieces, this.values),
  );
  readonly count = $derived(this.reach?.recipients ?? this.to.length);
  readonly missing = $derived((this.reach?.people ?? []).filter(({ by }) => by === null || by === undefined));

  /** What is missing before it can be sent, in words; nothing, where it can. */
  readonly held = $derived.by(() => {
    if (this.to.length === 0) return t.desk.compose.noOne;
    const { text, open } = this.whole;
    if (open.length > 0) return t.desk.compose.open(open);
    if (text.trim() === "") return t.desk.compose.noText;
    const length = [...text].length;
    if (length > TEXT_MAX) return t.conversation.tooLong(length, TEXT_MAX);
    if (this.reach === undefined && this.to.some(({ kind }) => kind === "group"))
      return this.reachFault || t.desk.compose.asking;
    return this.reach?.recipients === 0 ? t.desk.compose.empty : "";
  });

  add(recipient: Recipient): void {
    if (!this.to.some(({ kind, id }) => kind === recipient.kind && id === recipient.id))
      this.to = [...this.to, recipient];
  }

  remove(recipient: Recipient): void {
    this.to = this.to.filter((other) => other !== recipient);
  }

  private get toUserIds(): string[] {
    return this.to.filter(({ kind }) => kind === "user").map(({ id }) => id);
  }

  private get toGroups(): ToGroup[] {
    return this.to.filter(({ kind }) => kind === "group").map(({ id }) => ({ groupId: id }));
  }

  /** Asks the server who they are and who of them can be reached. The last question counts. */
  async ask(): Promise<void> {
    const turn = ++this.asked;
    if (this.to.length === 0) {
      this.reach = undefined;
      return;
    }
    const body = { toUsers: this.toUserIds.map((toUserId) => ({ toUserId })), toGroups: this.toGroups };
    try {
      const reach = await net.call<Reach>("POST", "/api/v1/reach", body);
      if (turn !== this.asked) return;
      this.reach = reach;
      this.reachFault = "";
    } catch (error) {
      if (turn !== this.asked) return;
      this.reach = undefined;
      this.reachFault = error instanceof CallError && error.status > 0 ? error.message : t.desk.compose.noReach;
    }
  }

  take(phrase: Phrase): void {
    const pieces = piecesOf(phrase.text);
    const hasFields = pieces.some((piece) => "field" in piece);
    this.pieces = hasFields ? pieces : undefined;
    this.values = pieces.flatMap((piece) => ("field" in piece ? [""] : []));
    this.text = hasFields ? "" : phrase.text;
    if (phrase.priority) this.priority = phrase.priority;
  }

  /** Goes on in free words with what is filled by now. */
  free(): void {
    const words = (this.pieces ?? []).map((piece) =>
      "text" in piece ? piece.text : this.values[piece.at] || `{${piece.field}}`,
    );
    this.text = words.join("");
    this.pieces = undefined;
  }

  async send(): Promise<boolean> {
    const all = this.reach?.people.map(({ userId }) => userId) ?? this.toUserIds;
    const { text } = this.whole;
    if (!(await this.desk.send(this.toUserIds, this.toGroups, all, text, this.priority))) return false;
    this.text = "";
    this.pieces = undefined;
    this.values = [];
    this.to = [];
    this.reach = undefined;
    this.priority = 3;
    return true;
  }
}
