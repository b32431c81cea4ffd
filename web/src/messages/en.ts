// Every text that the app says, in English. Another language is a file of the same shape (choose.ts). Names that tests and screen readers hold on to stand here once.

import type { Tally, Word } from "../core/model.ts";
import type { Locale } from "./choose.ts";

const count = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;

export const locale: Locale = { lang: "en", dir: "ltr", dates: "en-GB" };

const words: Record<Word | "silent", string> = {
  waiting: "Waiting",
  atServer: "At server",
  delivered: "Delivered",
  read: "Read",
  acknowledged: "Acknowledged",
  silent: "Silent",
};

export const t = {
  app: "Crewline",
  words,
  notKept:
    "This device could not keep that: it has no room, or the browser does not allow it. It was not done. Try again.",
  noStore: "This browser does not let the app keep anything, so it cannot work here. Private windows often forbid it.",
  signIn: {
    title: "Sign in",
    user: "User ID",
    password: "Password",
    button: "Sign in",
    busy: "Signing in",
    noContact: "No contact with the server. Try again when there is a connection.",
    ended: "You were signed out on this device. What you wrote is kept here and goes out when you sign in again.",
  },
  signOut: {
    button: "Sign out",
    title: "Sign out of this device?",
    text: "All messages are removed from this device. They stay on the server.",
    loses: (n: number) =>
      `${count(n, "thing waits here and has", "things wait here and have")} not been sent. Signing out discards ${n === 1 ? "it" : "them"}.`,
    stay: "Stay signed in",
  },
  chats: {
    title: "Chats",
    none: "No chats yet",
    noneMore: "Messages to you appear here. Start with New chat.",
    new: "New chat",
    unread: (n: number) => `${n} unread`,
    unreadWord: "unread",
    you: "You",
    /** Between who said something and what was said. */
    colon: ": ",
    /** Behind the first name of several. */
    andMore: (n: number) => ` and ${n} more`,
    comma: ", ",
    alone: "Nobody else",
    emergency: "Emergency, not acknowledged",
    important: "Important",
  },
  contact: { live: "in contact", connecting: "connecting", lost: "no contact", stopped: "stopped" },
  newChat: {
    title: "New chat",
    search: "Search by name or ID",
    people: "People",
    chosen: "Chosen",
    start: (n: number) => (n === 0 ? "Choose people" : `Start chat with ${n}`),
    none: "Nobody found",
    remove: (name: string) => `Remove ${name}`,
    notKept:
      "This device could not keep the chat: it has no room, or the browser does not allow it. Try again when there is contact.",
  },
  conversation: {
    log: "Messages",
    back: "Back to chats",
    new: "New",
    gap: "Messages in between are not on this device",
    earlier: "Loading earlier messages",
    field: "Message",
    send: "Send",
    reply: "Reply",
    replyTo: (name: string) => `Reply to ${name}`,
    cancelReply: "Cancel reply",
    earlierMessage: "An earlier message",
    quick: "Quick replies",
    quickReplies: ["Understood", "On site", "Need help"],
    none: "No messages yet",
    unknown: "This chat is not on this device.",
    made: "This chat is on this device alone. The server makes it when there is contact.",
    notMade: (why: string) => `The server does not make this chat: ${why}`,
    discardChat: "Discard chat",
    pick: "Choose a chat",
    ackWaits: "Your acknowledgement waits",
    acknowledged: "You acknowledged this",
    refused: (why: string) => `Not sent: ${why}`,
    discard: "Discard",
    tooLong: (count: number, max: number) => `The message has ${count} characters; ${max} can be sent at once.`,
    notKept:
      "This device could not keep the message: it has no room, or the browser does not allow it. It was not sent.",
    toNewest: "To the newest message",
  },
  strip: (s: Tally) => {
    const parts = [
      s.delivered > 0 && `${s.delivered} delivered`,
      s.read > 0 && `${s.read} read`,
      s.acknowledged > 0 && `${s.acknowledged} acknowledged`,
      s.silent > 0 && `${s.silent} silent`,
    ];
    return `${s.all}: ${parts.filter(Boolean).join(", ")}`;
  },
  setup: {
    title: "Setup",
    button: "Setup",
    mark: "Something is not proven on this device",
    hint: "Nobody has checked yet whether this device can alert you.",
    hintButton: "Check this device",
    signIn: "After signing in, Setup shows whether this device can alert you.",
    proven: (n: number, all: number) => `${n} of ${all} proven`,
    todo: "To do",
    tick: "Proven",
    cannot: "Cannot be done here",
    checks: "Checks",
    asleep: "This device cannot be woken when the app is closed.",
    names: {
      notifications: "Notifications",
      sound: "Sound",
      push: "Wakes when closed",
      installed: "On the home screen",
      connection: "Connection",
      clock: "Clock",
    },
    says: {
      notifications: {
        allowed: "Alerts are shown outside of the app",
        ask: "Not allowed yet: alerts are shown in the app alone",
        denied: "Refused in this browser. Allow notifications for this page in the browser's settings, then come back.",
        insecure: "A browser shows none for a page without https",
        none: "This browser has none for this page",
      },
      sound: {
        play: "Not heard yet on this device. Turn the volume up, then play it.",
        silent: "You heard nothing. Look at the volume, the mute switch and where the sound goes, then play it again.",
        heard: "You heard it",
      },
      push: {
        start: "Not switched on. The server sends a test, and this device answers it.",
        permission: "Needs notifications to be allowed first",
        testing: "A test is under way to this device",
        unproven: "No test has reached this device yet",
        proven: "A test reached this device",
        unreached: "The server could not reach this device",
        fault: "It could not be switched on",
        insecure: "A browser lets nobody wake a page without https",
        none: "This browser has no push",
        off: "Push is switched off on the server",
        iphone: "An iPhone or iPad has push for apps on the home screen alone: add the app to it first",
      },
      installed: {
        yes: "Opened as an app",
        button: "It opens like any other app",
        iphone: "In Safari press Share, then Add to Home Screen, and open it from there",
        menu: "This browser does not offer it here; look for Install or Add to Home Screen in its menu",
        insecure: "A browser installs no page without https",
      },
      connection: {
        secure: "Notifications, push and opening without contact can work",
        insecure:
          "Without https: no notifications, no push, no vibration in a closed app, and the app cannot be opened without contact",
      },
      clock: {
        right: "Against the server, which decides the times",
        off: "This device's clock is wrong. Times of messages are the server's; ages are counted with this clock. Set it by the network.",
      },
    },
    value: { allowed: "Allowed", secure: "Secure", insecure: "Not secure", installed: "Installed" },
    tryText: "This is what an alert looks like",
    buttons: {
      allow: "Allow notifications",
      try: "Show one",
      play: "Play the sound",
      heard: "I heard it",
      nothing: "I heard nothing",
      push: "Switch on and test",
      again: "Test again",
      install: "Install",
    },
    offset: (sign: string, value: number, unit: string) => `${sign}${value} ${unit}`,
    awake: "Keep the screen on",
    awakeText: "While Crewline is in front. Uses battery",
    awakeNone: "This browser cannot keep the screen on",
    vibration: "Vibration",
    vibrationText: "With the sound of an emergency",
    vibrationNone: "This browser does not vibrate",
    looks: "Looks",
    theme: "Theme",
    themes: { system: "System", light: "Light", dark: "Dark" },
    contrast: "Contrast",
    contrasts: { system: "System", more: "More" },
    limits: "What no browser can do",
    limitsText:
      "Ring through Do not disturb or a muted phone, or wake a phone that was restarted and not unlocked. A second way is needed for what must reach somebody.",
  },
  priority: { 1: "EMERGENCY", 2: "INFO", 3: "IMPORTANT" },
  noContact: {
    since: (time: string) => `No contact since ${time}`,
    plain: "No contact",
    nothing: "Nothing waits here",
    wait: (messages: number, reads: number, acks: number, chats: number) => {
      const parts = [
        chats > 0 && count(chats, "new chat", "new chats"),
        messages > 0 && count(messages, "message", "messages"),
        acks > 0 && count(acks, "acknowledgement", "acknowledgements"),
        reads > 0 && count(reads, "read mark", "read marks"),
      ].filter((part) => part !== false);
      const last = parts.pop();
      const list = parts.length > 0 ? `${parts.join(", ")} and ${last}` : last;
      return `${list} ${messages + acks + reads + chats === 1 ? "waits" : "wait"} here`;
    },
    stopped:
      "The server does not take this app's connection. Load the page again; if it stays so, tell the administrator.",
  },
  alert: {
    title: (priority: 1 | 2 | 3, from: string) =>
      priority === 1 ? `EMERGENCY: ${from}` : priority === 3 ? `IMPORTANT: ${from}` : from,
    emergency: "EMERGENCY",
    acknowledge: "Acknowledge",
    tells: "Tells the sender that you have understood",
    close: "Close",
    from: (name: string) => `New message from ${name}`,
    queue: (n: number) => `1 of ${n}`,
    sent: "Sent",
    ago: (age: string) => `${age} ago`,
    next: "Next",
    more: (n: number) => count(n, "more emergency waits behind this one", "more emergencies wait behind this one"),
    reply: "Reply",
    call: "Call control",
    aside: "An emergency is not acknowledged",
    back: "Back to the emergency",
    why: "An emergency stays until you press Acknowledge.",
    silenced: "This browser plays no sound before you touch the page.",
    noContact: "No contact. Your acknowledgement is kept on this device and goes out by itself.",
  },
  age: (seconds: number) => {
    const s = Math.max(0, Math.floor(seconds));
    if (s < 600) return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  },
  noTime: "–",
  number: (n: number) => String(n),
};
