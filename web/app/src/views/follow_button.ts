import type { App } from "../app.js";
import { h, setAttribute } from "../dom/h.js";
import type { Reader } from "../model/reader.js";
import { fullName, sayError } from "../model/words.js";

/** Follows somebody, or no longer. Nothing is shown for oneself, nor before it is known which of the two it is. */
export function followButton(app: App, reader: Reader, id: string, until: AbortSignal): HTMLElement {
  const place = h("span", { class: "follow" });
  if (id === reader.id) return place;
  const profile = reader.profiles.get(id);
  let sending = false;
  const button = h("button", { type: "button", class: "button", on: { click: () => void toggle() } });
  const toggle = async (): Promise<void> => {
    const now = profile.value;
    if (sending || !now) return;
    sending = true;
    button.setAttribute("aria-disabled", "true");
    try {
      await reader.profiles.follow(id, now.followed !== true);
      app.said.emit({ text: now.followed === true ? `You don’t follow ${fullName(now)} any more.` : `You follow ${fullName(now)}.` });
    } catch (error) {
      app.said.emit({ text: sayError(error).text });
    } finally {
      sending = false;
      setAttribute(button, "aria-disabled", undefined);
    }
  };
  profile.watch((known) => {
    if (!known) {
      place.replaceChildren();
      return;
    }
    const follows = known.followed === true;
    button.classList.toggle("button-main", !follows);
    button.setAttribute("aria-label", `${follows ? "Unfollow" : "Follow"} ${fullName(known)}`);
    button.replaceChildren(follows ? "Unfollow" : "Follow");
    if (button.parentNode === null) place.append(button);
  }, until);
  return place;
}
