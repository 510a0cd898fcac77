import type { App } from "../app.js";
import { h, setText } from "../dom/h.js";
import { sayConnection } from "../model/connection.js";

/** The state of the live connection. Its word is announced when it changes; the seconds are for the eye. */
export function connectionPill(app: App): HTMLElement {
  const word = h("span", { role: "status", testid: "connection-word" });
  const countdown = h("span", { class: "connection-countdown", "aria-hidden": "true", testid: "connection-countdown" });
  /** For those who read on; announced are the words alone. */
  const meaning = h("span", { class: "unseen" });
  const element = h("div", { class: "connection", testid: "connection" }, h("span", { class: "connection-mark", "aria-hidden": "true" }), word, countdown, meaning);
  let ticking: ReturnType<typeof setInterval> | undefined;

  const draw = (): void => {
    const connection = app.connection.value;
    const words = sayConnection(connection, Date.now());
    element.dataset["state"] = connection.kind;
    element.title = words.sentence;
    setText(word, words.text);
    setText(meaning, words.sentence);
    setText(countdown, words.countdown);
  };
  app.connection.watch(({ retryAt }) => {
    clearInterval(ticking);
    if (retryAt !== undefined) ticking = setInterval(draw, 250);
    draw();
  });
  return element;
}
