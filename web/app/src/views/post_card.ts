/** One post: who, when, what; and what its author can do with it. */
import type { Post } from "@freshet/client";
import type { App } from "../app.js";
import { sayExactly, timeElement } from "../dom/dates.js";
import { h, setText, uniqueId } from "../dom/h.js";
import { icon } from "../dom/icons.js";
import { findLinks, type TextPart } from "../model/links.js";
import type { Reader } from "../model/reader.js";
import { fullName, sayError } from "../model/words.js";
import { avatar } from "./avatar.js";
import { confirm } from "./confirm.js";
import { PostField } from "./post_field.js";

/** Past one of these a post is folded, to about half of it. */
const LONG = { letters: 1_000, lines: 16 };

export class PostCard {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #reader: Reader;
  #post: Post;

  readonly #face = h("span", { class: "post-face" });
  readonly #author = h("a", { class: "post-author", dir: "auto" });
  readonly #edited = h("span", { class: "post-edited", testid: "edited" });
  readonly #text = h("p", { class: "post-text", dir: "auto" });
  readonly #more = h("button", { type: "button", class: "button button-quiet", on: { click: () => this.#unfold(!this.#unfolded) } });
  readonly #body = h("div", { class: "post-body" }, this.#text, this.#more);
  readonly #actions: HTMLElement | null;
  readonly #editButton = actionButton("edit", "Edit", () => this.#edit());
  readonly #deleteButton = actionButton("trash", "Delete", () => void this.#delete());
  #editing = false;
  #unfolded = false;

  constructor(app: App, reader: Reader, post: Post) {
    this.#app = app;
    this.#reader = reader;
    this.#post = post;
    const head = uniqueId("post");
    this.#actions = post.authorUserId === reader.id ? h("div", { class: "post-actions" }, this.#editButton, this.#deleteButton) : null;
    this.#author.href = `#/user/${post.authorUserId}`;
    this.#text.id = `${head}-text`;
    this.element = h(
      "article",
      { class: "post", "data-post-id": post.id, "aria-labelledby": head, "aria-describedby": this.#text.id, tabindex: -1 },
      this.#face,
      h("header", { class: "post-head", id: head }, this.#author, " ", timeElement(post.createdAt), " ", this.#edited),
      this.#body,
      this.#actions,
    );
    this.drawAuthor();
    this.#draw();
  }

  /** Somebody writes in it: it must not move. */
  get busy(): boolean {
    return this.#editing;
  }

  get authorId(): string {
    return this.#post.authorUserId;
  }

  update(post: Post): void {
    if (post === this.#post) return;
    this.#post = post;
    this.#draw();
  }

  drawAuthor(): void {
    const id = this.#post.authorUserId;
    const user = this.#reader.people.get(id);
    const name = user === null ? "Deleted account" : user === undefined ? "" : fullName(user);
    setText(this.#author, name);
    this.#author.classList.toggle("waiting-name", user === undefined);
    this.#face.replaceChildren(avatar(id, user));
  }

  #draw(): void {
    const { text, editedAt } = this.#post;
    if (this.#text.textContent !== text) this.#text.replaceChildren(...findLinks(text).map(textPart));
    setText(this.#edited, editedAt === undefined ? "" : "edited");
    this.#edited.title = editedAt === undefined ? "" : `Edited ${sayExactly(editedAt)}`;
    this.#more.hidden = !isLong(text);
    this.#unfold(this.#unfolded);
  }

  /** A long post is not to push everybody else's out of sight. */
  #unfold(unfolded: boolean): void {
    this.#unfolded = unfolded;
    this.#text.classList.toggle("post-text-folded", !unfolded && isLong(this.#post.text));
    setText(this.#more, unfolded ? "Show less" : "Show all");
    this.#more.setAttribute("aria-expanded", String(unfolded));
  }

  #edit(): void {
    if (this.#editing) return;
    this.#editing = true;
    const field = new PostField({ label: "Edit your post", value: this.#post.text });
    const done = (): void => {
      this.#editing = false;
      this.#body.replaceChildren(this.#text, this.#more);
      if (this.#actions !== null) this.#actions.hidden = false;
      this.#editButton.focus();
    };
    const save = h("button", { class: "button button-main", type: "submit" }, "Save");
    let saving = false;
    const form = h(
      "form",
      {
        class: "form",
        "aria-label": "Edit your post",
        on: {
          keydown: (event) => {
            if (event.key === "Escape" && !event.isComposing && !saving) done();
          },
          submit: (event) => {
            event.preventDefault();
            if (saving || !field.check()) return;
            if (field.value === this.#post.text) return done();
            saving = true;
            save.setAttribute("aria-disabled", "true");
            this.#reader.edit(this.#post, field.value).then(
              () => {
                done();
                this.#app.said.emit({ text: "Saved." });
              },
              (error: unknown) => {
                saving = false;
                save.removeAttribute("aria-disabled");
                field.refuse(sayError(error).text);
                field.input.focus();
              },
            );
          },
        },
      },
      field.element,
      h("div", { class: "form-actions" }, save, h("button", { class: "button", type: "button", on: { click: () => !saving && done() } }, "Cancel")),
    );
    this.#body.replaceChildren(form);
    if (this.#actions !== null) this.#actions.hidden = true;
    field.input.focus();
    field.input.setSelectionRange(field.value.length, field.value.length);
  }

  async #delete(): Promise<void> {
    const sure = await confirm({ title: "Delete this post?", text: "It goes from everybody’s feed at once, and can’t be brought back.", yes: "Delete" });
    if (!sure) return;
    this.#deleteButton.setAttribute("aria-disabled", "true");
    try {
      await this.#reader.delete(this.#post);
      this.#app.said.emit({ text: "Post deleted." });
    } catch (error) {
      this.#deleteButton.removeAttribute("aria-disabled");
      this.#app.said.emit({ text: sayError(error).text });
    }
  }
}

function isLong(text: string): boolean {
  return text.length > LONG.letters || text.split("\n", LONG.lines + 1).length > LONG.lines;
}

function textPart({ text, href }: TextPart): Node {
  if (href === undefined) return document.createTextNode(text);
  // The other side learns nothing of this page, and has no hand on it.
  return h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
}

function actionButton(name: "edit" | "trash", text: string, act: () => void): HTMLButtonElement {
  return h("button", { type: "button", class: "button button-quiet", on: { click: act } }, icon(name), text);
}
