import { h } from "../dom/h.js";
import { icon } from "../dom/icons.js";
import { applyTheme, loadTheme, nextTheme, type Theme } from "../dom/theme.js";

const ICONS = { system: "contrast", light: "sun", dark: "moon" } as const;
const WORDS = { system: "as the system", light: "light", dark: "dark" } as const;

/** One button that goes round: as the system, light, dark. */
export function themeSwitch(): HTMLElement {
  let theme = loadTheme();
  const button = h("button", { type: "button", class: "round-button", testid: "theme", on: { click: () => choose(nextTheme(theme)) } });
  const choose = (chosen: Theme): void => {
    theme = chosen;
    applyTheme(theme);
    draw();
  };
  const draw = (): void => {
    button.setAttribute("aria-label", `Colours: ${WORDS[theme]}. Change to ${WORDS[nextTheme(theme)]}`);
    button.title = `Colours: ${WORDS[theme]}`;
    button.dataset["theme"] = theme;
    button.replaceChildren(icon(ICONS[theme]));
  };
  draw();
  return button;
}
