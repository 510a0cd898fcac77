// What must hold whatever a page does; looked at in every scenario.

const TOKEN = /[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}|[?&#](token|access_token|password)=/;

/** Watches a browser context from its beginning. */
export class Guards {
  /** "kind: what" */
  violations = [];
  /** Every URL that was asked for, sockets included. */
  urls = [];

  constructor(context, allowed) {
    this.allowed = new Set(allowed);
    context.on("request", (request) => this.#requested(request.url()));
    context.on("page", (page) => this.#watch(page));
    context.on("weberror", (error) => this.#found("uncaught", error.error().stack ?? error.error()));
  }

  #watch(page) {
    page.on("websocket", (socket) => this.#requested(socket.url()));
    page.on("console", (message) => {
      // chromium tells of a violated policy, of a script that breaks, and of answers from 400 on: those are told by the API.
      if (/Content.Security.Policy|Refused to/i.test(message.text())) this.#found("policy", message.text());
      else if (message.type() === "error" && !/Failed to load resource|WebSocket connection to|net::ERR_/.test(message.text())) {
        this.#found("console", message.text());
      }
    });
    page.on("dialog", (dialog) => {
      this.#found("dialog", `${dialog.type()} ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
  }

  #requested(url) {
    this.urls.push(url);
    const { protocol, host } = new URL(url);
    if (protocol === "data:" || protocol === "blob:" || protocol === "about:") return;
    if (!this.allowed.has(host)) this.#found("foreign host", url);
    if (TOKEN.test(url)) this.#found("secret in an address", url);
  }

  #found(kind, what) {
    this.violations.push(`${kind}: ${what}`);
  }
}
