// How the app looks on this device, as the person chose it. first.js does the same before the first paint.

export type Theme = "system" | "light" | "dark";
export type Contrast = "system" | "more";

export function themeHere(): Theme {
  const kept = localStorage.getItem("crewline.theme");
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function contrastHere(): Contrast {
  return localStorage.getItem("crewline.contrast") === "more" ? "more" : "system";
}

export function setTheme(theme: Theme): void {
  const root = document.documentElement;
  keep("crewline.theme", theme);
  root.style.colorScheme = "";
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
}

export function setContrast(contrast: Contrast): void {
  const root = document.documentElement;
  keep("crewline.contrast", contrast);
  if (contrast === "system") delete root.dataset.contrast;
  else root.dataset.contrast = contrast;
}

/** Kept for this device, whoever is signed in; what the system says is not. */
export function keep(name: string, value: string): void {
  if (value === "system" || value === "") localStorage.removeItem(name);
  else localStorage.setItem(name, value);
}
