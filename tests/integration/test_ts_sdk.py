"""The TypeScript SDK (web/sdk, as `npm run build` leaves it) against a running system. What it is to find is in the scripts of
web/sdk/test/gateway; here is what is done to the gateway meanwhile."""

import json
import re
import shutil
import subprocess

import pytest

from harness import ROOT, eventually

SDK = ROOT / "web" / "sdk"
SCRIPTS = SDK / "test" / "gateway"


def node_flags():
    """What gives node a global WebSocket; None if nothing does: then there are streams alone."""
    for flags in ([], ["--experimental-websocket"]):
        done = subprocess.run(["node", *flags, "-e", "process.exit(globalThis.WebSocket ? 0 : 1)"], capture_output=True, check=False)
        if done.returncode == 0:
            return flags
    return None


def transports():
    if shutil.which("node") is None:
        return ["stream"]  # and the tests say what is missing
    return ["stream"] if node_flags() is None else ["stream", "websocket"]


@pytest.fixture(scope="module", autouse=True)
def built():
    assert shutil.which("node"), "node is missing"
    assert (SDK / "dist" / "index.js").exists(), "web/sdk is not built: npm ci && npm run build in web/"


class Script:
    """A running script of web/sdk/test/gateway."""

    def __init__(self, name, *arguments):
        self.process = subprocess.Popen(["node", *(node_flags() or []), SCRIPTS / name, *map(str, arguments)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wishes(self):
        """What it asks for, line by line; it goes on after each."""
        for line in self.process.stdout:
            yield line.strip()
            self.process.stdin.write("done\n")
            self.process.stdin.flush()

    def finish(self):
        said, complained = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, f"{said}{complained}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def run(name, *arguments):
    with Script(name, *arguments) as script:
        script.finish()


def url(gateway):
    return f"http://127.0.0.1:{gateway.port}"


def test_every_call(stack):
    run("calls.mjs", url(stack.gateway))


@pytest.mark.parametrize("transport", transports())
@pytest.mark.parametrize("scenario", ["tells all kinds of events", "begins anew with a cursor that is not its user's",
                                      "ends when nobody is signed in any more", "signs in anew when its token is revoked",
                                      "waits for a slow reader"])
def test_feed(stack, transport, scenario):
    run("feed.mjs", transport, scenario, url(stack.gateway))


@pytest.mark.parametrize("transport", transports())
def test_feed_outlives_its_tokens(own_stack, transport):
    stack = own_stack(gateway_settings={"token_ttl": "2s"})
    run("feed.mjs", transport, "outlives its tokens", url(stack.gateway))


@pytest.mark.parametrize("transport", transports())
def test_feed_while_the_gateway_is_killed(own_stack, transport):
    stack = own_stack()
    with Script("feed.mjs", transport, "loses and doubles nothing when the gateway is killed", url(stack.gateway)) as script:
        killed = 0
        for wish in script.wishes():
            assert wish == "kill the gateway"
            stack.gateway.kill()
            stack.gateway.start()
            killed += 1
        script.finish()
    assert killed == 3


# ---- the package ----

def first_program():
    """The program of the package's README."""
    text = (SDK / "README.md").read_text(encoding="utf-8")
    return re.search(r"^## First program$.*?^```js\n(.*?)^```$", text, re.S | re.M).group(1)


@pytest.fixture
def installed(tmp_path):
    """A folder into which the packed SDK was installed, as its users would; what it depends on comes from our own node_modules, so that no
    registry is asked."""
    def npm(*arguments, cwd):
        return subprocess.run(["npm", *arguments], cwd=cwd, text=True, capture_output=True, check=True, timeout=120).stdout

    packed = tmp_path / "packed"
    packed.mkdir()
    made = json.loads(npm("pack", "--json", "--ignore-scripts", "--pack-destination", packed, cwd=SDK))[0]
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    runtime = next(path for path in (SDK / "node_modules", ROOT / "web" / "node_modules") if (path / "@bufbuild/protobuf").exists())
    npm("install", "--offline", "--install-links", "--ignore-scripts", "--no-audit", "--no-fund", packed / made["filename"], runtime / "@bufbuild/protobuf", cwd=folder)
    return folder, {entry["path"] for entry in made["files"]}


def test_package_holds_what_it_needs_and_no_more(installed):
    folder, files = installed
    manifest = json.loads((folder / "node_modules/@freshet/client/package.json").read_text())
    assert {"README.md", "package.json", "dist/index.js", "dist/index.d.ts", "dist/messages.js"} <= files
    assert not [name for name in files if not name.startswith("dist/") and name not in ("README.md", "package.json", "LICENSE")], files
    assert list(manifest["dependencies"]) == ["@bufbuild/protobuf"]
    names = {path.name for path in (folder / "node_modules").iterdir() if not path.name.startswith(".")}
    assert names == {"@freshet", "@bufbuild"}, "nothing else is installed with it"


def test_first_program_of_the_readme(stack, api, installed):
    program = first_program()
    assert len(program.strip().splitlines()) < 20
    folder, _ = installed
    (folder / "first.mjs").write_text(program, encoding="utf-8")
    reader, author = api.register("Rea"), api.register("Aut")
    api.follow(reader, author)
    process = subprocess.Popen(["node", "first.mjs", url(stack.gateway), reader.id, reader.password], cwd=folder, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        written = eventually(lambda: api.good("GET", f"/user/{reader.id}/posts").json)
        assert [post["text"] for post in written] == ["Hello from JavaScript"]
        api.post(author, "It works")
        assert process.stdout.readline() == f"{author.id}: It works\n"
    finally:
        process.kill()
        assert process.communicate()[1] == ""


def test_types_of_the_package(installed):
    """A program in TypeScript against the installed package: its types are found, and complete."""
    folder, _ = installed
    (folder / "program.ts").write_text("""\
import { ApiError, Client, ConnectionError, type FeedEvent, type FeedState, type Page, type Post } from "@freshet/client";
import { EnvelopeSchema } from "@freshet/client/messages";

const client = new Client("http://127.0.0.1:8080", { token: async (refused) => ({ token: refused ?? "t", expiresAt: new Date() }) });
const page: Page<Post> = await client.getFeed({ limit: 5, signal: AbortSignal.timeout(1_000) });
const texts: string[] = page.items.map((post) => post.text);
const states: FeedState[] = [];
for await (const event of client.openFeed({ onState: (state) => states.push(state) }) satisfies AsyncIterable<FeedEvent>) {
  if (event.type === "delete") texts.push(event.authorUserId);
  // @ts-expect-error: a reset has no post
  if (event.type === "reset") texts.push(event.post.text);
}
try {
  await client.follow("5");
} catch (error) {
  if (error instanceof ApiError) console.log(error.code, error.field?.length, EnvelopeSchema.typeName);
  else if (error instanceof ConnectionError) console.log(error.cause);
}
""")
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": {
        "module": "NodeNext", "target": "ES2022", "lib": ["ES2022", "DOM", "DOM.Iterable"], "types": [], "strict": True, "noEmit": True}}))
    done = subprocess.run(["node", ROOT / "web/node_modules/typescript/bin/tsc", "-p", "."], cwd=folder, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
