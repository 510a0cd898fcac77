// node typescript.mjs WEB typescript|typescript-sdk
//
// Answers the questions of voices/main.c. WEB: the folder web/ with the SDK built. `typescript` is the generated messages and
// @bufbuild/protobuf; `typescript-sdk` is the SDK as a program has it: a Client whose fetch() keeps what is sent and gives the answer.
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

const [web, which] = process.argv.slice(2);
const sdk = path.join(path.resolve(web), "sdk");
const load = (file) => import(pathToFileURL(file).href);
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const unhex = (text) => new Uint8Array(Buffer.from(text, "hex"));

/** Every message, by protobuf-es. */
async function generated() {
  const { create, fromBinary, fromJson, toBinary, toJson } = await load(createRequire(path.join(sdk, "package.json")).resolve("@bufbuild/protobuf"));
  const schemas = new Map();
  for (const exported of Object.values(await load(path.join(sdk, "dist", "messages.js")))) {
    if (exported?.kind === "message") schemas.set(exported.typeName, exported);
  }
  const names = [...schemas.keys()];
  const known = (name) => schemas.get(name) ?? fail(`there is no message ${name}`);
  return {
    list: () => ({ reads: names, writes: names, passes: names }),
    read: ({ message, bytes }) => ({ json: toJson(known(message), fromBinary(known(message), unhex(bytes)), { useProtoFieldName: true }) }),
    write: ({ message, json }) => ({ bytes: hex(toBinary(known(message), fromJson(known(message), json))) }),
    pass: ({ message, bytes }) => ({ bytes: hex(toBinary(known(message), fromBinary(known(message), unhex(bytes)))) }),
  };
}

/** The SDK as a program has it. */
async function program() {
  const { ApiError, Client } = await load(path.join(sdk, "dist", "index.js"));

  /** Calls with a client whose gateway answers so: what came of it, what was sent. */
  async function call(run, answer = new Uint8Array(), status = 200) {
    let sent;
    const fetch = async (url, { body }) => {
      sent = body ?? undefined;
      return new Response(answer, { status, headers: { "Content-Type": "application/x-protobuf" } });
    };
    const got = await run(new Client("http://gateway.invalid", { fetch, token: "t" }));
    return { got, sent };
  }

  /** What a feed tells of a stream that holds one envelope and ends. */
  async function listen(envelope) {
    if (envelope.length === 0) return {}; // a sign of life
    const length = [];
    for (let left = envelope.length; left > 0 || length.length === 0; left = Math.floor(left / 128)) length.push(left % 128 | (left >= 128 ? 128 : 0));
    return (await call((client) => new Promise((resolve) => {
      let event;
      const feed = client.openFeed({
        transport: "stream",
        onEvent: (told) => { event = told; },
        onState: (state) => {
          if (state !== "resuming" && state !== "offline") return;
          resolve(event ?? { type: "cursor", cursor: feed.cursor });
          feed.close();
        },
      });
    }), new Uint8Array([...length, ...envelope]))).got;
  }

  // To the JSON of protobuf.
  const json = (members) => Object.fromEntries(Object.entries(members).filter(([, value]) => ![undefined, "", 0, false].includes(value)));
  const number = (text) => (text === "0" ? undefined : text);
  const ms = (date) => number(String(date?.getTime() ?? 0));
  const ofUser = (it) => json({ id: number(it.id), first_name: it.firstName, second_name: it.secondName, birthdate: it.birthdate, biography: it.biography, city: it.city });
  const ofPost = (it) => json({ id: number(it.id), text: it.text, author_user_id: number(it.authorUserId), created_at_ms: ms(it.createdAt), edited_at_ms: ms(it.editedAt) });
  const ofList = (name, items) => (items.length === 0 ? {} : { [name]: items });
  const ofEvent = ({ type, cursor, post, snapshot, resumed, userId, id, authorUserId }) => json({
    type: type && (type === "cursor" && cursor === undefined ? undefined : `ENVELOPE_TYPE_${type.toUpperCase()}`),
    cursor, snapshot, resumed, user_id: number(userId), id: number(id), author_user_id: number(authorUserId), ...(post && ofPost(post)),
  });

  const reads = {
    Token: async (bytes) => {
      const { got } = await call((client) => client.login("1", "x"), bytes);
      return json({ token: got.token, expires_at_ms: ms(got.expiresAt) });
    },
    Ticket: async (bytes) => {
      const { got } = await call((client) => client.makeTicket(), bytes);
      return json({ ticket: got.ticket, expires_at_ms: ms(got.expiresAt) });
    },
    RegisterResponse: async (bytes) => json({ user_id: number((await call((client) => client.register({}), bytes)).got) }),
    PostId: async (bytes) => json({ id: number((await call((client) => client.createPost("x"), bytes)).got) }),
    User: async (bytes) => ofUser((await call((client) => client.getUser("1"), bytes)).got),
    UserList: async (bytes) => ofList("users", (await call((client) => client.listFollowers("1"), bytes)).got.items.map(ofUser)),
    Profile: async (bytes) => {
      const { got } = await call((client) => client.getProfile("1"), bytes);
      const counts = { follower_count: number(String(got.followerCount)), following_count: number(String(got.followingCount)) };
      return { ...ofUser(got), ...json({ ...counts, celebrity: got.celebrity }), ...(got.followed !== undefined && { followed: got.followed }) };
    },
    Post: async (bytes) => ofPost((await call((client) => client.getPost("1"), bytes)).got),
    PostList: async (bytes) => ofList("posts", (await call((client) => client.listPosts("1"), bytes)).got.items.map(ofPost)),
    Problem: async (bytes) => {
      const error = (await call((client) => client.getPost("1").catch((refused) => refused), bytes, 404)).got;
      if (!(error instanceof ApiError)) throw error;
      return json({ type: error.type, title: error.title, status: error.status, detail: error.detail, code: error.code, field: error.field,
        request_id: error.requestId });
    },
    Envelope: async (bytes) => ofEvent(await listen(bytes)),
  };
  const writes = {
    LoginRequest: ({ id = "0", password = "" }) => (client) => client.login(id, password),
    RegisterRequest: (it) => (client) => client.register({ firstName: it.first_name, secondName: it.second_name, birthdate: it.birthdate,
      biography: it.biography, city: it.city, password: it.password }),
    DeleteAccountRequest: ({ password = "" }) => (client) => client.deleteAccount(password),
    PostCreateRequest: ({ text = "" }) => (client) => client.createPost(text),
    PostUpdateRequest: ({ id = "0", text = "" }) => (client) => client.updatePost(id, text),
  };
  const full = (name) => `freshet.v1.${name}`;
  const short = (name) => name.slice("freshet.v1.".length);
  return {
    list: () => ({ reads: Object.keys(reads).map(full), writes: Object.keys(writes).map(full), passes: [] }),
    read: async ({ message, bytes }) => ({ json: await reads[short(message)](unhex(bytes)) }),
    write: async ({ message, json: members }) => ({ bytes: hex((await call(writes[short(message)](members))).sent) }),
  };
}

function fail(text) {
  throw new Error(text);
}

const voices = { typescript: generated, "typescript-sdk": program };
const voice = await (voices[which] ?? fail(`there is no voice ${which}`))();
for await (const line of readline.createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  let said;
  try {
    said = await voice[question.do](question);
  } catch (error) {
    said = { error: String(error?.message ?? error), field: error?.field ?? "" };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
