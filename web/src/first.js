// Before the first paint: the look that the person chose on this device, so that nothing flashes in another one. The names
// are those of look.ts.
{
  let theme = null;
  let contrast = null;
  try {
    theme = localStorage.getItem("crewline.theme");
    contrast = localStorage.getItem("crewline.contrast");
  } catch {
    // A browser that keeps nothing has nothing to show otherwise.
  }
  const root = document.documentElement;
  if (theme === "light" || theme === "dark") {
    root.dataset.theme = theme;
    // The tokens come later than this.
    root.style.colorScheme = theme;
  }
  if (contrast === "more") root.dataset.contrast = contrast;
}
