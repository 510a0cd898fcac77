"""freshet-tail and freshet-post, as people run them."""

import json
import os
import re
import signal
import subprocess

import pytest

from drivers import BIN
from harness import eventually, free_port
from people import People

# So that no setting of the caller's counts.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}


class Program:
    """One run, with its output in files."""

    def __init__(self, folder, name, *arguments, environment=None, input=None, stdout=None):
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        (folder / "input").write_bytes(input or b"")
        with open(self.out, "wb") as out, open(self.err, "wb") as err, open(folder / "input", "rb") as given:
            self.child = subprocess.Popen([BIN / name, *map(str, arguments)], stdout=out if stdout is None else stdout, stderr=err,
                                          stdin=given, env={**CLEAN, "TZ": "UTC", **(environment or {})})

    @property
    def said(self):
        return self.out.read_text()

    @property
    def complaint(self):
        return self.err.read_text()

    @property
    def lines(self):
        return self.said.splitlines()

    def wait_said(self, *texts):
        """Until each stands in the output."""
        def has_all():
            assert self.child.poll() is None or all(text in self.said for text in texts), f"ended: {self.complaint}"
            assert all(text in self.said for text in texts), f"{texts} not in {self.said!r} {self.complaint!r}"
            return True

        eventually(has_all)

    def wait(self):
        """The exit code."""
        return self.child.wait(60)

    def stop(self, number=signal.SIGINT):
        self.child.send_signal(number)
        return self.wait()


@pytest.fixture
def run(tmp_path):
    """run(name, *arguments, …): a Program, which is gone after the test."""
    made = []

    def start(name, *arguments, **options):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Program(folder, name, *arguments, **options))
        return made[-1]

    yield start
    for program in made:
        program.child.kill()
        program.child.wait()


@pytest.fixture
def url(system):
    return f"--url=http://127.0.0.1:{system.gateway.port}"


@pytest.fixture
def tail(run, url):
    """tail(person, *options): freshet-tail with their token."""
    return lambda person, *options, **more: run("freshet-tail", url, *options, environment={"FRESHET_TOKEN": person.token}, **more)


@pytest.fixture
def post(run, url):
    """post(person, *options): freshet-post with their token."""
    return lambda person, *options, **more: run("freshet-post", url, *options, environment={"FRESHET_TOKEN": person.token}, **more)


# ---- freshet-post ----

def test_a_post(post, people):
    author, = people.some(1)
    program = post(author, "Hello, \U0001f600")
    assert program.wait() == 0 and program.complaint == ""
    assert re.fullmatch(r"\d+\n", program.said)
    assert people.api.good("GET", f"/post/get/{program.said.strip()}").json["text"] == "Hello, \U0001f600"


@pytest.mark.parametrize("arguments, given, text", [
    ([], b"one\ntwo\n", "one\ntwo"),
    (["-"], b"no newline", "no newline"),
    ([], b"x" * 4096, "x" * 4096),
    ([], b"x" * 4096 + b"\n", "x" * 4096),
    (["--", "--not an option"], None, "--not an option"),
], ids=["lines", "dash", "longest", "longest and a newline", "dashes"])
def test_where_the_text_comes_from(post, people, arguments, given, text):
    author, = people.some(1)
    program = post(author, *arguments, input=given)
    assert program.wait() == 0, program.complaint
    assert people.api.good("GET", f"/post/get/{program.said.strip()}").json["text"] == text


@pytest.mark.parametrize("given, word", [(b"x" * 4097, "4096 bytes"), (b"x" * 100000, "4096 bytes"), (b"a\0b", "NUL")],
                         ids=["too long", "far too long", "NUL"])
def test_text_that_is_none(post, people, given, word):
    author, = people.some(1)
    program = post(author, input=given)
    assert program.wait() == 1 and "standard input" in program.complaint and word in program.complaint


def test_edit_and_delete(post, people):
    author, other = people.some(2)
    id = people.post(author, "first")
    edit = post(author, f"--edit={id}", "better")
    assert (edit.wait(), edit.said, edit.complaint) == (0, "", "")
    assert people.api.good("GET", f"/post/get/{id}").json["text"] == "better"
    refused = post(other, f"--delete={id}")
    assert refused.wait() == 1 and "--delete" in refused.complaint and "request " in refused.complaint
    assert post(author, f"--delete={id}").wait() == 0
    assert people.api.call("GET", f"/post/get/{id}").status == 404


def test_the_same_key_twice(post, people):
    author, = people.some(1)
    first, second = (post(author, "--idempotency-key=a-key-of-mine", "once") for _ in range(2))
    assert (first.wait(), second.wait()) == (0, 0)
    assert first.said == second.said != ""
    other = post(author, "--idempotency-key=a-key-of-mine", "another text")
    assert other.wait() == 1 and "key" in other.complaint.lower()


def test_nobody_answers(run):
    program = run("freshet-post", f"--url=http://127.0.0.1:{free_port()}", "--timeout=1", "text", environment={"FRESHET_TOKEN": "x.y.z"})
    assert program.wait() == 4
    assert re.search(r"--idempotency-key=[0-9a-f]{32}$", program.complaint, re.M), "how to repeat it without harm"


def test_output_that_nobody_takes(post, people):
    author, = people.some(1)
    with open("/dev/full", "wb") as full:
        program = post(author, "text", stdout=full)
        assert program.wait() == 1
    id, = re.findall(r"written as (\d+)", program.complaint)
    assert people.api.good("GET", f"/post/get/{id}").json["text"] == "text"


def test_interrupted(run):
    program = run("freshet-post", f"--url=http://127.0.0.1:{free_port()}", "text", environment={"FRESHET_TOKEN": "x.y.z"})
    eventually(lambda: "SigCgt" in (status := open(f"/proc/{program.child.pid}/status").read()) and
               int(re.search(r"SigCgt:\s*(\w+)", status).group(1), 16) & 2, what="its handler")
    assert program.stop() == 130 and "--idempotency-key=" in program.complaint


# ---- who one is ----

def test_login_with_a_password(run, url, people, tmp_path):
    me = people.api.register()
    secret = tmp_path / "password"
    secret.write_text(me.password + "\nsecond line\n")
    assert run("freshet-post", url, f"--login={me.id}", f"--password-file={secret}", "by file").wait() == 0
    assert run("freshet-post", url, "--login", me.id, "by variable", environment={"FRESHET_PASSWORD": me.password}).wait() == 0
    assert [post["text"] for post in people.api.good("GET", f"/user/{me.id}/posts").json] == ["by variable", "by file"]


def test_token_from_a_file(run, url, people, tmp_path):
    author, = people.some(1)
    secret = tmp_path / "token"
    secret.write_text(author.token + "\n")
    environment = {"FRESHET_TOKEN": "of.somebody.else"}
    assert run("freshet-post", url, f"--token-file={secret}", "text", environment=environment).wait() == 0


def test_the_gateway_in_the_environment(run, system, people):
    author, = people.some(1)
    environment = {"FRESHET_URL": f"http://127.0.0.1:{system.gateway.port}", "FRESHET_TOKEN": author.token}
    assert run("freshet-post", "text", environment=environment).wait() == 0


@pytest.mark.parametrize("name", ["freshet-tail", "freshet-post"])
@pytest.mark.parametrize("environment, word", [
    ({"FRESHET_PASSWORD": "wrong horse"}, "password"),
    ({"FRESHET_TOKEN": "x.y.z"}, ""),
])
def test_cannot_sign_in(run, url, people, name, environment, word):
    me = people.api.register()
    arguments = [f"--login={me.id}"] if "FRESHET_PASSWORD" in environment else []
    program = run(name, url, *arguments, *(["text"] if name == "freshet-post" else []), environment=environment)
    assert program.wait() == 3, program.complaint
    assert word in program.complaint and program.complaint.startswith(name + ": ")


def test_over_tls(run, system, people):
    author, = people.some(1)
    url = f"--url=https://127.0.0.1:{system.gateway.tls_port}"
    environment = {"FRESHET_TOKEN": author.token}
    certificate = system.gateway.environment["FRESHET_TLS_CERTIFICATE"]
    assert run("freshet-post", url, f"--ca-file={certificate}", "text", environment=environment).wait() == 0
    untrusted = run("freshet-post", url, "--timeout=2", "text", environment=environment)
    assert untrusted.wait() == 4 and "certificate" in untrusted.complaint


# ---- wrong usage ----

@pytest.mark.parametrize("name, arguments, words", [
    ("freshet-post", ["text"], ["--login", "--token-file", "FRESHET_TOKEN"]),
    ("freshet-tail", [], ["--login", "--token-file", "FRESHET_TOKEN"]),
    ("freshet-post", ["--login=7", "text"], ["--password-file", "FRESHET_PASSWORD"]),
    ("freshet-post", ["--login=seven", "text"], ["--login", "'seven'"]),
    ("freshet-post", ["--login=-7", "text"], ["--login", "'-7'"]),
    ("freshet-post", ["--login=99999999999999999999", "text"], ["--login"]),
    ("freshet-post", ["--login=7", "--token-file=x", "text"], ["--login", "--token-file"]),
    ("freshet-post", ["--password-file=x", "text"], ["--password-file", "--login"]),
    ("freshet-post", ["--token-file=/nowhere/token", "text"], ["--token-file", "/nowhere/token", "No such file"]),
    ("freshet-post", ["--token-file=/dev/null", "text"], ["--token-file", "/dev/null", "empty"]),
    ("freshet-post", ["--token-file=/", "text"], ["--token-file", "directory"]),
    ("freshet-post", ["--password=secret", "text"], ["--password"]),
    ("freshet-post", ["--token=secret", "text"], ["--token"]),
    ("freshet-post", ["--edit=x", "text"], ["--edit", "'x'"]),
    ("freshet-post", ["--edit=1", "--delete=2"], ["--edit", "--delete"]),
    ("freshet-post", ["--delete=2", "text"], ["--delete", "'text'"]),
    ("freshet-post", ["--edit=1", "--idempotency-key=k", "text"], ["--idempotency-key"]),
    ("freshet-post", ["--timeout=0", "text"], ["--timeout", "'0'"]),
    ("freshet-post", ["two", "words"], ["'words'", "quotes"]),
    ("freshet-post", ["--nonsense"], ["--nonsense", "--help"]),
    ("freshet-post", ["--edit"], ["--edit", "--help"]),
    ("freshet-tail", ["--count=0"], ["--count", "'0'"]),
    ("freshet-tail", ["--count=x"], ["--count", "'x'"]),
    ("freshet-tail", ["--snapshot=101"], ["--snapshot", "'101'"]),
    ("freshet-tail", ["--json=yes"], ["--json"]),
    ("freshet-tail", ["something"], ["'something'"]),
], ids=lambda it: " ".join(it) if isinstance(it, list) else it)
def test_wrong_usage(run, name, arguments, words):
    program = run(name, *arguments)
    assert program.wait() == 2
    assert all(word in program.complaint for word in words), program.complaint
    assert program.said == "" and program.complaint.startswith(name + ": ")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "nonsense", "http://", ""])
def test_a_url_that_is_none(run, url):
    program = run("freshet-post", f"--url={url}", "text", environment={"FRESHET_TOKEN": "x.y.z"})
    assert program.wait() == 2 and "--url" in program.complaint


@pytest.mark.parametrize("name", ["freshet-tail", "freshet-post"])
def test_help_and_version(run, name):
    program = run(name, "--help")
    assert program.wait() == 0 and program.complaint == ""
    for option in ("--url", "--login", "--password-file", "--token-file", "--ca-file", "--help", "--version", "FRESHET_URL",
                   "FRESHET_PASSWORD", "FRESHET_TOKEN", "Exit codes: 0"):
        assert option in program.said
    assert max(map(len, program.lines)) <= 120
    version = run(name, "--version")
    assert version.wait() == 0 and version.said == f"{name} 0.1.0\n"


# ---- freshet-tail ----

def told(program):
    return [json.loads(line) for line in program.lines]


def test_it_prints_who_when_and_what(tail, people):
    author = people.api.register("Ада", "Лавлейс")
    reader = people.reader_of(author)
    people.post(author, "before")
    people.stack.settled()
    program = tail(reader)
    program.wait_said("before")
    post = people.post(author, "live")
    program.wait_said("live")
    people.edit(author, post, "better")
    program.wait_said("better")
    people.delete(author, post)
    program.wait_said("deleted")
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  "
    who = re.escape(f"Ада Лавлейс ({author.id})")
    wanted = [f"{when}{who}: before", f"{when}{who}: live", f"{when}{who} edited post {post}: better", f"{when}{who} deleted post {post}"]
    assert len(program.lines) == 4 and all(map(re.fullmatch, wanted, program.lines)), program.said
    assert program.stop() == 0 and program.complaint == ""


def test_other_people_s_text_gives_the_terminal_no_orders(tail, people):
    author, = people.some(1)
    program = tail(people.reader_of(author), "--count=1")
    people.post(author, "red \x1b[31m bell \x07 csi \x9b1m\nsecond\tline \U0001f600")
    assert program.wait() == 0
    assert program.said.endswith(": red ?[31m bell ? csi ?1m\n    second\tline \U0001f600\n")


def test_json(tail, people):
    author, = people.some(1)
    reader = people.reader_of(author)
    kept = people.post(author, "kept")
    people.stack.settled()
    program = tail(reader, "--json")
    program.wait_said("snapshot_end")
    text = 'say "hi" \\ \n \x01 \U0001f600'
    post = people.post(author, text)
    program.wait_said(post)
    people.edit(author, post, "better")
    program.wait_said("better")
    people.delete(author, post)
    program.wait_said('"delete"')
    assert program.stop(signal.SIGTERM) == 0
    reset, snapshot, end, *live = told(program)
    assert reset == {"type": "reset"} and end["type"] == "snapshot_end" and end["cursor"]
    assert (snapshot["id"], snapshot["snapshot"]) == (kept, True) and "cursor" not in snapshot
    assert [one["type"] for one in live] == ["post", "edit", "delete"]
    same = people.api.good("GET", f"/post/get/{kept}").json
    assert {name: snapshot[name] for name in same} == same
    assert live[0]["text"] == text and live[0]["cursor"] and "edited_at" not in live[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", live[1]["edited_at"])
    assert set(live[2]) == {"type", "id", "author_user_id", "cursor"}


def test_count_and_snapshot(tail, people):
    author, = people.some(1)
    reader = people.reader_of(author)
    posts = [people.post(author, str(number)) for number in range(15)]
    people.stack.settled()
    program = tail(reader, "--json", "--count=10")
    assert program.wait() == 0
    assert [one["id"] for one in told(program) if one["type"] == "post"] == posts[5:], "ten, if it is not said how many"
    program = tail(reader, "--json", "--snapshot=0", "--count=1")
    program.wait_said("snapshot_end")
    last = people.post(author, "live")
    assert program.wait() == 0
    assert [one["id"] for one in told(program) if one["type"] == "post"] == [last]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_cursor_file(tail, people, tmp_path, end):
    """Each run goes on where the last one stopped."""
    author, = people.some(1)
    reader = people.reader_of(author)
    people.post(author, "old")
    people.stack.settled()
    place = f"--cursor-file={tmp_path / 'place'}"
    first = tail(reader, place)
    first.wait_said("old")
    people.post(author, "seen")
    first.wait_said("seen")
    assert first.stop(end) == 0
    people.post(author, "missed")
    people.stack.settled()
    second = tail(reader, place)
    second.wait_said("missed")
    people.post(author, "live")
    second.wait_said("live")
    assert second.stop(end) == 0
    assert [line.rsplit(": ", 1)[1] for line in second.lines] == ["missed", "live"]
    assert not (tmp_path / "place.new").exists()


def test_the_cursor_file_of_one_who_is_killed(tail, people, tmp_path):
    """It may print something twice, and leaves nothing out."""
    author, = people.some(1)
    reader = people.reader_of(author)
    place = tmp_path / "place"
    first = tail(reader, "--json", f"--cursor-file={place}")
    first.wait_said("snapshot_end")
    posts = [people.post(author, str(number)) for number in range(5)]
    first.wait_said(posts[-1])
    eventually(lambda: place.read_text().strip() == told(first)[-1]["cursor"], what="the last cursor in the file")
    posts.append(people.post(author, "may be printed twice"))
    first.wait_said(posts[-1])
    first.child.kill()
    first.wait()
    posts.append(people.post(author, "missed"))
    people.stack.settled()
    second = tail(reader, "--json", f"--cursor-file={place}")
    second.wait_said(posts[-1])
    again = [one["id"] for one in told(second)]
    assert again in ([posts[-1]], posts[-2:])


def test_a_cursor_file_of_another_user(tail, people, tmp_path):
    author, = people.some(1)
    one, other = people.reader_of(author), people.reader_of(author)
    people.post(author, "on the page")
    people.stack.settled()
    place = f"--cursor-file={tmp_path / 'place'}"
    first = tail(one, "--json", place)
    first.wait_said("snapshot_end")
    assert first.stop() == 0 and (tmp_path / "place").read_text().strip() == told(first)[-1]["cursor"]
    program = tail(other, place, "--count=1")
    assert program.wait() == 0 and "on the page" in program.said


@pytest.mark.parametrize("place, word", [("/nowhere/place", "No such file"), ("/", "directory")])
def test_a_cursor_file_that_cannot_be(tail, people, place, word):
    reader, = people.some(1)
    program = tail(reader, f"--cursor-file={place}")
    assert program.wait() == 1 and "--cursor-file" in program.complaint and word in program.complaint


def test_nobody_reads_its_output(tail, people):
    """As in `freshet-tail | head -n 1`: it ends without a word, also when nothing more is posted."""
    author, = people.some(1)
    reader = people.reader_of(author)
    people.post(author, "first")
    people.stack.settled()
    read, write = os.pipe()
    program = tail(reader, stdout=write)
    os.close(write)
    assert b"first" in os.read(read, 1000)
    os.close(read)
    assert program.wait() == 0 and program.complaint == ""


def test_output_that_cannot_be_written(tail, people):
    author, = people.some(1)
    reader = people.reader_of(author)
    people.post(author, "first")
    people.stack.settled()
    with open("/dev/full", "wb") as full:
        program = tail(reader, stdout=full)
        assert program.wait() == 1 and "standard output" in program.complaint


def test_a_session_that_is_ended(tail, people):
    reader, = people.some(1)
    program = tail(reader, "--json")
    program.wait_said("snapshot_end")
    people.api.good("POST", "/logout", reader)
    assert program.wait() == 3 and "ended" in program.complaint


def test_it_follows_over_restarts(run, own_system):
    stack = own_system(gateways=2)
    people = People(stack, stack.gateways[1])
    author, = people.some(1)
    reader = people.reader_of(author)
    program = run("freshet-tail", f"--url=http://127.0.0.1:{stack.gateway.port}", "--json", environment={"FRESHET_TOKEN": reader.token})
    program.wait_said("snapshot_end")
    posts = []
    for _ in range(2):
        stack.gateway.kill()
        posts.append(people.post(author, "while it was away"))
        stack.settled()
        stack.gateway.start()
        program.wait_said(posts[-1])
    assert [one["id"] for one in told(program) if one["type"] == "post"] == posts
    assert "connection lost" in program.complaint and "connected" in program.complaint
    assert program.stop() == 0
