/** Light, dark, or as the system has it. */

export type Theme = "system" | "light" | "dark";

const NAME = "freshet.theme";
const ORDER: readonly Theme[] = ["system", "light", "dark"];

export function loadTheme(): Theme {
  try {
    const saved = localStorage.getItem(NAME);
    return ORDER.find((theme) => theme === saved) ?? "system";
  } catch {
    return "system";
  }
}

export function applyTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  try {
    if (theme === "system") localStorage.removeItem(NAME);
    else localStorage.setItem(NAME, theme);
  } catch {
    // It is so until the page is reloaded.
  }
}

export function nextTheme(theme: Theme): Theme {
  return ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? "system";
}
