// Which language the app speaks from now on. Every text is taken when the page is loaded, so it is loaded anew.

import type { App } from "./app.svelte.ts";
import { keepLanguage, LANGUAGES, t } from "./messages/choose.ts";

export const languages: Record<string, string> = { system: t.setup.languageSystem, ...LANGUAGES };

export async function speak(app: App, language: string): Promise<void> {
  keepLanguage(language);
  await app.keep(() => app.local.setDeviceNote({ language: language === "system" ? undefined : language }));
  location.reload();
}
