import { mount } from "svelte";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/marks.css";
import "./styles/chats.css";
import "./styles/conversation.css";
import "./styles/alerts.css";
import "./styles/setup.css";
import "./styles/sos.css";
import "./styles/search.css";
import { App } from "./app.svelte.ts";
import { locale, t } from "./messages/choose.ts";
import Root from "./Root.svelte";

document.documentElement.lang = locale.lang;
document.documentElement.dir = locale.dir;
const target = document.getElementById("app");
if (target === null) throw new Error("the page has no place for the app");
try {
  mount(Root, { target, props: { app: await App.start() } });
} catch {
  // Without a store nothing that the app says would be so.
  target.textContent = t.noStore;
}

// Only secure pages may have one; without it the app needs contact to be loaded.
if (import.meta.env.PROD) void navigator.serviceWorker?.register("/sw.js");
