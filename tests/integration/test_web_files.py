"""The page and what it loads, as --web-dir has them: paths, kinds, caching, gzip, the headers that guard a page, protocols, and folders that are
refused."""

import gzip
import http.client
import json
import os
import subprocess

import pytest

from harness import Stack
from harness.waiting import PATIENCE

ADMIN_TOKEN = "correct-horse-battery"
SCRIPT = "/assets/app-5QKJ4SDF.js"
FILES = {
    "index.html": b"<!doctype html><title>Freshet</title>\n" * 40,
    "ops.html": b"<!doctype html><title>Operations</title>\n",
    "favicon.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "robots.txt": b"User-agent: *\nDisallow:\n",
    "assets/app-5QKJ4SDF.js": b"export const answer = 42;\n" * 60000,
    "assets/app-0123abcd.css": b"body { margin: 0 }\n",
    "assets/plain.css": b"p { margin: 0 }\n",
    # Not the page's: a call's path, and what lies about.
    "login": b"shadow",
    "post/feed": b"shadow",
    "notes.txt": b"not for clients",
    "assets/.draft.js": b"not for clients",
}
ZIPPED = ("index.html", "assets/app-5QKJ4SDF.js")
GUARDS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"}


def write(folder, files, zipped=()):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if name in zipped:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(data))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("web"), FILES, ZIPPED)


@pytest.fixture(scope="module")
def gateway(folder):
    with Stack(materializers=0, gateway_settings={"web_dir": folder, "admin_token": ADMIN_TOKEN}) as stack:
        stack.gateway.stack = stack
        yield stack.gateway


class Client:
    """One HTTP/1.1 connection, kept alive."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def ask(self, path, headers=None, method="GET"):
        self.connection.request(method, path, headers=headers or {})
        answer = self.connection.getresponse()
        answer.data = answer.read()
        return answer


def ask(gateway, path, headers=None, method="GET"):
    client = Client(gateway.port)
    try:
        return client.ask(path, headers, method)
    finally:
        client.connection.close()


def problem(answer):
    assert answer.headers.get_content_type() == "application/problem+json" and answer.headers["Cache-Control"] == "no-store", answer.data
    return json.loads(answer.data)


# ---- what is served ----

@pytest.mark.parametrize("path, name, kind, kept", [
    ("/", "index.html", "text/html; charset=utf-8", False),
    ("/ops", "ops.html", "text/html; charset=utf-8", False),
    ("/favicon.svg", "favicon.svg", "image/svg+xml; charset=utf-8", False),
    ("/robots.txt", "robots.txt", "text/plain; charset=utf-8", False),
    (SCRIPT, "assets/app-5QKJ4SDF.js", "text/javascript; charset=utf-8", True),
    ("/assets/app-0123abcd.css", "assets/app-0123abcd.css", "text/css; charset=utf-8", True),
    ("/assets/plain.css", "assets/plain.css", "text/css; charset=utf-8", False),
    ("/?from=a-link", "index.html", "text/html; charset=utf-8", False),
])
def test_files(gateway, path, name, kind, kept):
    answer = ask(gateway, path)
    assert (answer.status, answer.data, answer.headers["Content-Type"]) == (200, FILES[name], kind)
    assert answer.headers.get_all("Cache-Control") == ["public, max-age=31536000, immutable" if kept else "no-cache"]
    assert answer.headers["X-Request-ID"] and answer.headers["Content-Encoding"] is None
    assert int(answer.headers["Content-Length"]) == len(FILES[name])


@pytest.mark.parametrize("path", [
    "/index.html", "/ops.html", "/ops/", "/assets", "/assets/", "/assets/none.js", SCRIPT + ".gz", "/assets/.draft.js", "/notes.txt",
    "/assets/../notes.txt", "/assets/..%2fnotes.txt", "/%2e%2e/etc/passwd", "//", "/favicon.ico",
])
def test_unknown_paths(gateway, path):
    answer = ask(gateway, path)
    assert answer.status == 404 and problem(answer)["code"] == 1301


def test_calls_keep_their_paths(gateway):
    assert ask(gateway, "/post/feed").status == 401
    assert ask(gateway, "/login").status == 405
    assert ask(gateway, "/ops/metrics").status == 401


def test_what_is_done_to_the_folder_later_does_no_harm(tmp_path, gateway):
    """Read once: what is taken away is still there, what comes is not, until the next start."""
    web = write(tmp_path / "web", {"index.html": b"before"})
    other = gateway.stack.add_gateway(web_dir=web).start()
    write(web, {"index.html": b"after", "robots.txt": b"new"})
    assert (ask(other, "/").data, ask(other, "/robots.txt").status) == (b"before", 404)
    other.restart()
    assert (ask(other, "/").data, ask(other, "/robots.txt").data) == (b"after", b"new")
    other.stop()
    gateway.stack.gateways.remove(other)


# ---- methods ----

def test_head(gateway):
    for path in ("/", SCRIPT, "/robots.txt"):
        full, head = ask(gateway, path), ask(gateway, path, method="HEAD")
        assert (head.status, head.data) == (200, b"")
        for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control", "Vary", "Content-Security-Policy"):
            assert head.headers[name] == full.headers[name], name


@pytest.mark.parametrize("path", ["/", "/ops", SCRIPT])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods(gateway, path, method):
    answer = ask(gateway, path, method=method)
    assert answer.status == 405 and problem(answer)["code"] == 1400
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_options(gateway):
    answer = ask(gateway, "/", method="OPTIONS")
    assert (answer.status, answer.data, answer.headers["Allow"]) == (204, b"", "GET, HEAD, OPTIONS")


def test_tokens_are_not_looked_at(gateway):
    """A proxy that asks for a password itself sends it on."""
    for headers in ({"Authorization": "Basic Zm9vOmJhcg=="}, {"Authorization": "Bearer rubbish"}, {"X-Auth": "rubbish"}):
        assert ask(gateway, "/", headers).status == 200


# ---- entity tags ----

def test_not_modified(gateway):
    """On one connection: after an answer without a body the next is found."""
    client = Client(gateway.port)
    first = client.ask("/")
    etag = first.headers["ETag"]
    assert etag.startswith('"') and etag.endswith('"') and len(etag) > 20, "a strong one"
    for header in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        for method in ("GET", "HEAD"):
            answer = client.ask("/", {"If-None-Match": header}, method)
            assert (answer.status, answer.data) == (304, b""), header
            assert (answer.headers["ETag"], answer.headers["Cache-Control"]) == (etag, "no-cache")
            assert answer.headers["Vary"] == first.headers["Vary"] and answer.headers["Content-Type"] is None
    for header in ('"other"', etag[1:-1], etag.upper()):
        answer = client.ask("/", {"If-None-Match": header})
        assert (answer.status, answer.data) == (200, FILES["index.html"]), header
    assert len({ask(gateway, path).headers["ETag"] for path in ("/", "/ops", "/robots.txt", SCRIPT)}) == 4
    client.connection.close()


# ---- gzip ----

@pytest.mark.parametrize("accepted, zipped", [
    (None, False), ("gzip", True), ("gzip, deflate, br", True), ("GZIP;q=0.5", True), ("*", True), ("gzip;q=0", False), ("br, gzip; q=0.000", False),
    ("identity, gzip;q=0.4", False), ("br", False), ("", False),
])
def test_gzip(gateway, accepted, zipped):
    for path, name in (("/", "index.html"), (SCRIPT, "assets/app-5QKJ4SDF.js")):
        answer = ask(gateway, path, {"Accept-Encoding": accepted} if accepted is not None else {"Accept-Encoding": "identity"})
        assert answer.status == 200 and "Accept-Encoding" in answer.headers["Vary"]
        assert answer.headers["Content-Encoding"] == ("gzip" if zipped else None)
        assert (gzip.decompress(answer.data) if zipped else answer.data) == FILES[name]


def test_a_file_without_a_variant_does_not_vary(gateway):
    answer = ask(gateway, "/robots.txt", {"Accept-Encoding": "gzip"})
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"], answer.data) == (None, None, FILES["robots.txt"])


def test_each_variant_has_its_entity_tag(gateway):
    plain, zipped = (ask(gateway, "/", {"Accept-Encoding": coding}).headers["ETag"] for coding in ("identity", "gzip"))
    assert plain != zipped
    for known, coding, status in ((plain, "identity", 304), (zipped, "gzip", 304), (plain, "gzip", 200), (zipped, "identity", 200)):
        assert ask(gateway, "/", {"Accept-Encoding": coding, "If-None-Match": known}).status == status, (known, coding)


# ---- what guards a page ----

def policy(answer):
    """The directives, each with its words."""
    parts = [part.split() for part in answer.headers["Content-Security-Policy"].split(";")]
    assert len({part[0] for part in parts}) == len(parts), "a directive that is there twice counts the first time only"
    return {part[0]: part[1:] for part in parts}


@pytest.mark.parametrize("path", ["/", "/ops", "/favicon.svg", SCRIPT])
def test_policy(gateway, path):
    answer = ask(gateway, path)
    said = policy(answer)
    host = f"127.0.0.1:{gateway.port}"
    assert said.pop("connect-src") == ["'self'", f"ws://{host}", f"wss://{host}"]
    assert said == {"default-src": ["'none'"], "script-src": ["'self'"], "style-src": ["'self'"], "img-src": ["'self'", "data:"], "font-src": ["'self'"],
                    "base-uri": ["'none'"], "form-action": ["'none'"], "frame-ancestors": ["'none'"]}
    assert {name: answer.headers[name] for name in GUARDS} == GUARDS
    assert "camera=()" in answer.headers["Permissions-Policy"]
    again = ask(gateway, path, {"If-None-Match": answer.headers["ETag"]})
    assert policy(again) == policy(answer), "what is kept goes by what came last"


@pytest.mark.parametrize("host", ["x; script-src *", "x script-src", "a,b", "x\"y", "ä", "x" * 300])
def test_a_host_cannot_write_into_the_policy(gateway, host):
    answer = ask(gateway, "/", {"Host": host.encode("utf-8")})
    if answer.status == 200:
        assert policy(answer)["connect-src"] == ["'self'"] and policy(answer)["script-src"] == ["'self'"]
    else:
        assert answer.status == 400


# ---- protocols ----

@pytest.mark.parametrize("scheme, arguments", [
    ("http", ["--http1.1"]), ("http", ["--http1.0"]), ("http", ["--http2-prior-knowledge"]), ("https", ["-k", "--http1.1"]), ("https", ["-k", "--http2"]),
])
def test_protocols(gateway, tmp_path, scheme, arguments):
    """A file of more than a megabyte, as it is and zipped, byte by byte; and what https changes."""
    port = gateway.tls_port if scheme == "https" else gateway.port
    for coding, expected in (("identity", FILES["assets/app-5QKJ4SDF.js"]), ("gzip", gzip.compress(FILES["assets/app-5QKJ4SDF.js"]))):
        done = subprocess.run(["curl", "-sS", "-D", tmp_path / "head", "-o", tmp_path / "body", "--max-time", "60", "-H", f"Accept-Encoding: {coding}",
                               *arguments, f"{scheme}://127.0.0.1:{port}{SCRIPT}"], capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stderr
        head, body = (tmp_path / "head").read_text().lower(), (tmp_path / "body").read_bytes()
        assert " 200" in head.splitlines()[0]
        if coding == "gzip":
            assert "content-encoding: gzip" in head and gzip.decompress(body) == gzip.decompress(expected)
        else:
            assert body == expected
        assert f"wss://127.0.0.1:{port}" in head
        assert ("ws://127.0.0.1" in head.replace("wss://", "")) == (scheme == "http"), "a page of https has no use for ws:"


def test_many_files_on_one_connection(gateway):
    """As a browser asks for them: at once, over HTTP/2."""
    paths = ["/", SCRIPT, "/assets/app-0123abcd.css", "/favicon.svg"] * 8
    done = subprocess.run(["curl", "-sSk", "--http2", "-Z", "--max-time", "60", "-w", "%{http_code} %{size_download}\n",
                           *(word for path in paths for word in ("-o", "/dev/null", f"https://127.0.0.1:{gateway.tls_port}{path}"))],
                          capture_output=True, text=True, timeout=90, check=True)
    sizes = {"/": "index.html", SCRIPT: "assets/app-5QKJ4SDF.js", "/assets/app-0123abcd.css": "assets/app-0123abcd.css", "/favicon.svg": "favicon.svg"}
    assert sorted(done.stdout.splitlines()) == sorted(f"200 {len(FILES[sizes[path]])}" for path in paths)


def test_files_count_for_the_limit_of_an_address(folder, gateway):
    limited = gateway.stack.add_gateway(web_dir=folder, rate_limits="on", rate_address=1, rate_address_burst=20).start()
    answers = [ask(limited, "/") for _ in range(60)]
    assert {answer.status for answer in answers} == {200, 429}
    assert answers[0].headers["RateLimit"] and all(answer.headers["Retry-After"] for answer in answers if answer.status == 429)
    limited.stop()
    gateway.stack.gateways.remove(limited)


# ---- none, or not all ----

def test_without_a_folder(gateway):
    bare = gateway.stack.add_gateway(admin_token=ADMIN_TOKEN).start()
    for path in ("/", "/ops"):
        answer = ask(bare, path)
        assert answer.status == 404 and problem(answer)["code"] == 1301
        assert "--web-dir" in problem(answer)["detail"], "it says how to get the page"
    assert ask(bare, "/", method="POST").status == 404
    assert problem(ask(bare, SCRIPT))["detail"] == problem(ask(bare, "/nothing"))["detail"]
    bare.stop()
    gateway.stack.gateways.remove(bare)


def test_operations_page_is_off_without_a_token(folder, gateway):
    bare = gateway.stack.add_gateway(web_dir=folder).start()
    assert ask(bare, "/").status == 200
    answer = ask(bare, "/ops")
    assert answer.status == 404 and "FRESHET_ADMIN_TOKEN" in problem(answer)["detail"]
    bare.stop()
    gateway.stack.gateways.remove(bare)


def test_refused_folders(tmp_path, gateway):
    """The start ends with a message that names the flag."""
    page = {"index.html": b"x"}
    link = write(tmp_path / "link", page)
    (link / "assets").mkdir()
    (link / "assets" / "a.txt").symlink_to("/etc/hostname")
    outside = write(tmp_path / "outside", page)
    (outside / "assets").symlink_to("/etc")
    stale = write(tmp_path / "stale", {**page, "assets/a.css": b"new"})
    (stale / "assets" / "a.css.gz").write_bytes(gzip.compress(b"old"))
    rows = [
        ("missing", tmp_path / "missing", "No such file"),
        ("a file", write(tmp_path / "file", page) / "index.html", "Not a directory"),
        ("no page", write(tmp_path / "empty", {"robots.txt": b"x"}), "index.html"),
        ("a link", link, "link"),
        ("a folder that leads elsewhere", outside, "assets"),
        ("a name", write(tmp_path / "name", {**page, "assets/a b.js": b"x"}), "name"),
        ("a kind", write(tmp_path / "kind", {**page, "assets/a.exe": b"x"}), "kind"),
        ("a variant of another build", stale, "a.css.gz"),
        ("too large a file", write(tmp_path / "large", {"index.html": b"x" * (2 * 1024 * 1024 + 1)}), "more than"),
        ("too many files", write(tmp_path / "many", {**page, **{f"assets/{n}.js": b"" for n in range(256)}}), "256 files"),
    ]
    if os.geteuid() != 0:
        closed = write(tmp_path / "closed", page)
        closed.chmod(0)
        rows.append(("unreadable", closed, "Permission denied"))
    for comment, web, word in rows:
        refused = gateway.stack.add_gateway(web_dir=web).start(wait=False)
        assert refused.child.wait(PATIENCE) == 1, comment
        assert "--web-dir" in refused.logs() and word in refused.logs(), f"{comment}: {refused.logs()}"
        gateway.stack.gateways.remove(refused)
        os.unlink(refused.log)
