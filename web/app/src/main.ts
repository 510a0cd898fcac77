import { App } from "./app.js";
import { tickTimes } from "./dom/dates.js";
import { applyTheme, loadTheme } from "./dom/theme.js";
import { BrowserStore } from "./model/store.js";
import { startShell } from "./views/shell.js";

applyTheme(loadTheme());
tickTimes();
// The script may be there before the body is.
if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
else start();

function start(): void {
  startShell(new App(new BrowserStore()), document.body);
}
