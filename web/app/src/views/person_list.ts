/** People in rows, page by page: who was found, who follows, whom somebody follows. */
import type { Page, User } from "@freshet/client";
import type { App } from "../app.js";
import { h, setText } from "../dom/h.js";
import type { Reader } from "../model/reader.js";
import { fullName, sayCount, sayError } from "../model/words.js";
import { avatar } from "./avatar.js";
import { celebrityMark } from "./celebrity_mark.js";
import { followButton } from "./follow_button.js";

export interface PersonListOptions {
  readonly app: App;
  readonly reader: Reader;
  readonly until: AbortSignal;
  readonly label: string;
  readonly read: (options: { cursor?: string; limit: number; signal: AbortSignal }) => Promise<Page<User>>;
  readonly empty: () => HTMLElement;
}

const PAGE = 20;

export function personList(options: PersonListOptions): HTMLElement {
  const { app, reader, until } = options;
  const list = h("ul", { class: "people", "aria-label": options.label });
  const skeleton = h("div", { class: "skeleton", "aria-hidden": "true", testid: "loading" }, h("div", { class: "bone" }, h("span"), h("span")), h("div", { class: "bone" }, h("span"), h("span")));
  const wrong = h("p", { class: "wrong", role: "alert" });
  const told = h("p", { class: "unseen", role: "status" });
  const more = h("button", { type: "button", class: "button", hidden: true, on: { click: () => void read() } }, "Show more");
  let next: string | undefined;
  let reading = false;

  const read = async (): Promise<void> => {
    if (reading) return;
    reading = true;
    wrong.textContent = "";
    more.setAttribute("aria-disabled", "true");
    skeleton.hidden = list.childElementCount > 0;
    try {
      const page = await options.read({ ...(next !== undefined && { cursor: next }), limit: PAGE, signal: until });
      reader.people.learn(page.items);
      const rows = page.items.map((user) => personRow(app, reader, user, until));
      list.append(...rows);
      // Who pressed the button goes on reading where it was.
      if (document.activeElement === more) rows[0]?.querySelector("a")?.focus();
      next = page.next;
      more.hidden = next === undefined;
      more.textContent = "Show more";
      const count = sayCount(list.childElementCount, "person", "people");
      setText(told, next === undefined ? `${count}.` : `${count}, and more.`);
      if (list.childElementCount === 0) element.append(options.empty());
    } catch (error) {
      if (until.aborted) return;
      wrong.textContent = sayError(error).text;
      more.hidden = false;
      more.textContent = "Try again";
    } finally {
      reading = false;
      skeleton.hidden = true;
      more.removeAttribute("aria-disabled");
    }
  };
  const element = h("div", { class: "person-list" }, told, list, skeleton, wrong, more);
  void read();
  return element;
}

function personRow(app: App, reader: Reader, user: User, until: AbortSignal): HTMLElement {
  const mark = h("span");
  reader.profiles.get(user.id).watch((profile) => mark.replaceChildren(...(profile?.celebrity === true ? [celebrityMark()] : [])), until);
  return h(
    "li",
    { class: "person", "data-user-id": user.id },
    avatar(user.id, user),
    h(
      "div",
      { class: "person-words" },
      h("p", {}, h("a", { class: "person-name", href: `#/user/${user.id}`, dir: "auto" }, fullName(user)), " ", mark, user.id === reader.id && h("span", { class: "hint" }, " (you)")),
      user.city !== "" && h("p", { class: "hint", dir: "auto" }, user.city),
    ),
    followButton(app, reader, user.id, until),
  );
}
