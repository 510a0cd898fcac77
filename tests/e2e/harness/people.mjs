// People: accounts, who may act over the API, or sit before a window of the page.

let made = 0;

/** What one gateway answers, in JSON. */
export class Api {
  constructor(base) {
    this.base = base;
  }

  /** The answer's JSON (null if empty), and its status and headers; throws unless it is one of 200 … 299. */
  async call(method, path, { token, body, headers } = {}) {
    const answer = await fetch(this.base + path, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  }
}

export class Person {
  constructor(api, account) {
    this.api = api;
    Object.assign(this, account);
  }

  /** A new account, whose second name nobody else has. `more`: { city, biography, birthdate } */
  static async make(system, firstName, more = {}) {
    const account = { firstName, secondName: secondName(), password: "correct horse battery", ...more };
    return new Person(new Api(system.gateway.url), { ...account, ...(await system.ask("person", account)) });
  }

  get name() {
    return `${this.firstName} ${this.secondName}`;
  }

  follows(author) {
    return this.api.call("PUT", `/friend/set/${author.id}`, { token: this.token });
  }

  unfollows(author) {
    return this.api.call("PUT", `/friend/delete/${author.id}`, { token: this.token });
  }

  /** The post's id. */
  posts(text) {
    return this.api.call("POST", "/post/create", { token: this.token, body: { text } });
  }

  /** Posts of these texts, in this order. */
  async postsAll(texts) {
    const ids = [];
    for (const text of texts) ids.push(await this.posts(text));
    return ids;
  }

  edits(id, text) {
    return this.api.call("PUT", "/post/update", { token: this.token, body: { id, text } });
  }

  deletes(id) {
    return this.api.call("PUT", `/post/delete/${id}`, { token: this.token });
  }

  /** Ends the session of a token, everywhere. */
  endsSession(token = this.token) {
    return this.api.call("POST", "/logout", { token });
  }

  /** The whole home feed as the API has it, newest first. */
  async feed() {
    const posts = [];
    for (;;) {
      const page = await this.api.call("GET", `/post/feed?offset=${posts.length}&limit=100`, { token: this.token });
      posts.push(...page);
      if (page.length < 100) return posts;
    }
  }

  /** The posts that this person wrote, newest first (100 at most). */
  ownPosts() {
    return this.api.call("GET", `/user/${this.id}/posts?limit=100`);
  }
}

/** Letters alone, of one length; what differs comes first, since names are searched by prefix. */
function secondName() {
  const digits = String(++made).padStart(4, "0") + String(process.pid % 10_000).padStart(4, "0");
  return `Q${digits.replace(/\d/g, (digit) => "abcdefghij"[digit])}`;
}
