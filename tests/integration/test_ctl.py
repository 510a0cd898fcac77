"""freshetctl, but for the imports (test_import.py): what it says, and the codes with which it ends."""

import base64
import json
import os
import re
import subprocess
import time

import pytest

from harness import BIN, ROOT, Stack, free_port

COMMANDS = ["migrate", "import-follows", "import-posts", "generate", "audit", "token mint", "status", "dead list", "dead show",
            "dead replay", "dead drop", "rebuild", "settings", "metrics", "help"]
OPERATIONS = ROOT / "docs" / "operations.md"
SECRET = "hunter2hunter2"


def ctl(*arguments, environment=None, input=None):
    """Without a server: no setting of the caller's reaches it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("FRESHET_", "PG"))}
    return subprocess.run([BIN / "freshetctl", *map(str, arguments)], env={**clean, **(environment or {})}, input=input,
                          capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def stack():
    with Stack(gateways=0, materializers=0) as made:
        yield made


# ---- usage ----

def test_help_lists_every_command():
    for arguments in (["help"], ["--help"]):
        done = ctl(*arguments)
        assert done.returncode == 0 and done.stderr == ""
        for command in COMMANDS:
            assert re.search(rf"^  {command}\b", done.stdout, re.M), command
    done = ctl()
    assert done.returncode == 2 and done.stdout == "" and "migrate" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    for arguments in ([*command.split(), "--help"], ["help", *command.split()]):
        done = ctl(*arguments)
        assert done.returncode == 0 and done.stderr == ""
        assert done.stdout.startswith(f"usage: freshetctl [SETTING...] {command}")
        assert "FRESHET_DATABASE_URL" in done.stdout


@pytest.mark.parametrize("arguments, told", [
    (["statsu"], "did you mean status?"),
    (["import-folows", "x"], "did you mean import-follows?"),
    (["tokn", "mint", "5"], "did you mean token mint?"),
    (["dead"], "dead wants a subcommand; there is: dead list dead show dead replay dead drop"),
    (["dead", "lst"], "dead has no such subcommand; there is: dead list dead show"),
    (["frobnicate"], "  migrate "),
    (["help", "statsu"], "did you mean status?"),
    (["import-follows"], "import-follows: FILE is missing"),
    (["token", "mint"], "token mint: UID is missing"),
    (["status", "more"], "status: too many arguments; usage: freshetctl status\n"),
    (["status", "--limit=3"], "--limit: status has no such option"),
    (["migrate", "--no-streams=1"], "--no-streams: takes no value"),
    (["import-posts", "x", "--seed"], "--seed: wants a value, as in --seed=N"),
    (["import-posts", "x", "--seed=-1"], "--seed: must be a whole number"),
    (["dead", "list", "--limit", "0"], "--limit: must be a whole number within 1 and 1000000"),
    (["status", "--treshold=3"], "--treshold: there is no such flag; see --help"),
    (["status", "--celebrity-treshold=3"], "did you mean --celebrity-threshold?"),
    (["token", "mint", "0"], "UID: must be a user's id"),
    (["token", "mint", "x"], "UID: must be a user's id"),
    (["token", "mint", "5..4"], "UID: must be a user's id"),
    (["token", "mint", "5.."], "UID: must be a user's id"),
    (["token", "mint", "1..1000001"], "1000000 users at most"),
    ([f"--database-url=postgres://u:{SECRET}@h/d", "status"], "--database-url: a secret can't be a flag"),
    (["status", f"--postgres://u:{SECRET}@h/d"], "an argument is no flag of this program"),
    ([f"postgres://u:{SECRET}@h/d"], "there is no such command"),
])
def test_wrong_usage(arguments, told):
    done = ctl(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert told in done.stderr and SECRET not in done.stderr


def test_version():
    done = ctl("--version")
    assert done.returncode == 0 and re.fullmatch(r"freshetctl \d+\.\d+\.\d+\n", done.stdout)


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BIN / "freshetctl", "settings"], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 1 and b"can't write" in done.stderr


# ---- tokens ----

def claims(token):
    def part(text):
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    head, body, _ = token.split(".")
    return part(head), part(body)


def test_token_mint_of_many(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("first " + "k" * 64 + "\n")
    keys.chmod(0o600)
    one = ctl("token", "mint", "42", f"--token-keys-file={keys}").stdout.strip()
    done = ctl("token", "mint", "40..42", f"--token-keys-file={keys}")
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["40", "41", "42"]
    assert len({row[1] for row in rows}) == 3 and all(row[1].count(".") == one.count(".") for row in rows)


def test_token_mint(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(f"k7 {'s' * 40}\n")
    keys.chmod(0o600)
    before = int(time.time())
    done = ctl("token", "mint", "42", f"--token-keys-file={keys}", "--token-ttl=90s")
    assert done.returncode == 0 and done.stderr == ""
    token = done.stdout.removesuffix("\n")
    assert "\n" not in token
    head, body = claims(token)
    assert head["kid"] == "k7" and head["alg"] == "HS256" and body["sub"] == "42"
    assert body["exp"] - body["iat"] in (90, 91) and before <= body["iat"] <= time.time()
    keys.chmod(0o644)
    done = ctl("token", "mint", "42", f"--token-keys-file={keys}")
    assert done.returncode == 1 and done.stdout == "" and "s" * 40 not in done.stderr
    done = ctl("token", "mint", "42")
    assert done.returncode == 1 and done.stdout == ""


# ---- settings ----

def test_settings_of_a_file(stack, tmp_path):
    path = tmp_path / "freshet.conf"
    environment = {"FRESHET_NATS_URL": stack.nats.url}
    path.write_text(f"# of the test\ndatabase-url = {stack.postgres.url}\nworkers = 3\n")
    done = ctl("status", "--config", path, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    path.write_text(f"database-url = {stack.postgres.url}\nlog-level = loud\n")
    done = ctl("status", environment={**environment, "FRESHET_CONFIG": str(path)})
    assert done.returncode == 2 and f"{path}:2: log-level: must be one of debug|info|warn|error" in done.stderr
    path.write_text(f"database-url postgres://u:{SECRET}@h/d\n")
    done = ctl("status", "--config", path)
    assert done.returncode == 2 and f"{path}:1: " in done.stderr and SECRET not in done.stderr


@pytest.mark.parametrize("url", [
    f"postgres://u:{SECRET}@127.0.0.1:1/d", f"postgres://u:{SECRET}@127.0.0.1:bad/d", f"postgres://u:{SECRET}@[::1/d",
    f"postgres://u:{SECRET}@127.0.0.1:1/d?nonsense={SECRET}", f"host=127.0.0.1 port=1 password={SECRET} nonsense=1",
    f"host=127.0.0.1 password='{SECRET}", f"pstgres://u:{SECRET}@h/d", f"{SECRET}",
])
def test_a_password_in_a_database_url_is_never_told(url):
    for command in (["status"], ["migrate", "--no-streams"]):
        done = ctl(*command, environment={"FRESHET_DATABASE_URL": url, "FRESHET_NATS_URL": f"nats://127.0.0.1:{free_port()}"})
        assert done.returncode == 1
        assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("form", ["nats://u:{}@127.0.0.1:{port}", "nats://u:{}@127.0.0.1:bad", "ftp://u:{}@h", "{}@", "nats://{}@[::1"])
def test_a_password_in_a_nats_url_is_never_told(stack, form):
    url = form.format(SECRET, port=free_port())
    done = ctl("status", environment={"FRESHET_DATABASE_URL": stack.postgres.url, "FRESHET_NATS_URL": url})
    assert done.returncode == 1
    assert SECRET not in done.stdout + done.stderr


# ---- migrate, status, dead ----

def test_migrate_again_changes_nothing(stack):
    before = stack.sql("SELECT version, name, applied_at FROM schema_migrations ORDER BY version")
    done = stack.ctl("migrate")
    assert "nothing to do" in done.stdout and "streams: declared" in done.stdout and "next: " in done.stdout
    assert done.stderr == ""
    assert stack.sql("SELECT version, name, applied_at FROM schema_migrations ORDER BY version") == before


def test_a_database_before_and_after_its_migration(stack):
    stack.sql("SELECT 1")
    connection = stack.postgres.connect()
    connection.autocommit = True
    connection.cursor().execute("CREATE DATABASE fresh")
    connection.close()
    environment = {"FRESHET_DATABASE_URL": stack.postgres.url + " dbname=fresh", "FRESHET_NATS_URL": stack.nats.url}
    done = ctl("status", environment=environment)
    assert done.returncode == 1 and "run freshetctl migrate" in done.stdout
    done = ctl("import-follows", "-", environment=environment, input="1\t2\n")
    assert done.returncode == 1 and "migrate" in done.stderr
    done = ctl("migrate", "--no-streams", environment=environment)
    assert done.returncode == 0 and "streams: declared" not in done.stdout
    applied = re.findall(r"^applying (\d{4}) (\S+)$", done.stdout, re.M)
    files = sorted(path.stem for path in (ROOT / "schema").glob("[0-9]*.sql"))
    assert [f"{number}_{name}" for number, name in applied] == files
    assert f"schema: version {len(files)}, {len(files)} migrations applied" in done.stdout
    assert ctl("status", environment=environment).returncode == 0


def test_a_newer_database_is_left_alone(stack):
    stack.sql("INSERT INTO schema_migrations (version, name) SELECT max(version) + 1, 'of_tomorrow' FROM schema_migrations")
    try:
        for command in (["migrate"], ["import-follows", "-"], ["dead", "list"]):
            done = stack.ctl(*command, check=False, input="1\t2\n")
            assert done.returncode == 1 and "older than the database" in done.stderr
        done = stack.ctl("status", check=False)
        assert done.returncode == 1 and "older than the database" in done.stdout
    finally:
        stack.sql("DELETE FROM schema_migrations WHERE name = 'of_tomorrow'")


def test_status_counts(stack):
    stack.make_users(5, first=1001)
    stack.make_follows([(1001, 1002), (1003, 1002)])
    stack.sql("INSERT INTO posts (author_id, id, body) VALUES (1002, 1, 'a'), (1002, 2, 'b')")
    stack.sql("INSERT INTO feed_items (user_id, post_id, author_id) VALUES (1001, 1, 1002), (1003, 1, 1002), (1001, 2, 1002)")
    stack.sql("UPDATE users SET is_celebrity = true WHERE id = 1002")
    stack.sql("INSERT INTO celebrities (id) VALUES (1002)")
    stack.sql("INSERT INTO online VALUES (1001, now(), now() + interval '1 hour'), (1003, now(), now() - interval '1 s')")
    stack.sql("INSERT INTO outbox (author_id, partition, kind, subject_id, state, tries, reason, accepted_at) VALUES "
              "(1002, 3, 1, 1, 0, 0, NULL, now() - interval '90 s'), (1002, 3, 1, 2, 0, 0, NULL, now()), "
              "(1002, 7, 1, 2, 2, 5, E'bad\n\\x1b[31mthing', now())")
    try:
        told = stack.ctl("status").stdout
        counts = dict(re.findall(r"^  (\w+(?: \w+)?)  +(\d+)$", told, re.M))
        assert counts == {"users": "5", "follows": "2", "posts": "2", "feed items": "3", "celebrities": "1", "online": "1"}
        assert re.search(r"^ +3 +pending +2 +9\d\.\d s$", told, re.M), told
        assert re.search(r"^ +7 +dead +1 ", told, re.M), told
        streams = re.search(r"streams +(\d+) of (\d+) declared$", told, re.M)
        assert streams and streams.group(1) == streams.group(2) and int(streams.group(1)) >= 64
        dead = stack.ctl("dead", "list").stdout.splitlines()
        assert len(dead) == 2 and dead[1].split()[:5:2] == ["1002", "post", "5"]
        assert dead[1].endswith("  bad  [31mthing")
        stack.sql("UPDATE outbox SET state = 2")
        told = stack.ctl("dead", "list", "--limit=1").stdout
        assert "2 more" in told and len(told.splitlines()) == 3
    finally:
        for table in ("outbox", "online", "celebrities", "feed_items", "posts", "followers", "followees", "users"):
            stack.sql(f"DELETE FROM {table}")
    assert "no event is dead" in stack.ctl("dead", "list").stdout
    assert "empty" in stack.ctl("status").stdout


def test_status_says_what_is_estimated(stack):
    """A table past 64 MiB is not counted; its statistics are believed."""
    stack.sql("INSERT INTO posts (author_id, id, body) SELECT 1, n, repeat(md5(n::text), 120) FROM generate_series(1, 18000) AS n")
    stack.sql("ALTER TABLE posts ALTER body SET STORAGE PLAIN")
    stack.sql("UPDATE posts SET body = body || ''")
    try:
        stack.sql("ANALYZE posts")
        told = stack.ctl("status").stdout
        about = re.search(r"^  posts +about (\d+)$", told, re.M)
        assert about and 9000 < int(about.group(1)) < 36000, told
        assert "estimated" in told
    finally:
        stack.sql("ALTER TABLE posts ALTER body SET STORAGE EXTENDED")
        stack.sql("TRUNCATE posts")


def test_status_only_looks(stack):
    """Streams that are not there are counted as such, and not made by looking."""
    stack.lose_nats_store()
    for _ in range(2):
        done = stack.ctl("status", check=False)
        assert done.returncode == 1 and re.search(r"streams +0 of \d+ declared; ", done.stdout), done.stdout
    stack.ctl("migrate")
    assert stack.ctl("status").returncode == 0


def test_servers_that_are_away(stack):
    nowhere = {"FRESHET_DATABASE_URL": f"host=127.0.0.1 port={free_port()}", "FRESHET_NATS_URL": f"nats://127.0.0.1:{free_port()}"}
    done = ctl("status", environment={**nowhere, "FRESHET_DATABASE_URL": stack.postgres.url})
    assert done.returncode == 1 and "schema         version" in done.stdout and "no NATS server answers" in done.stdout
    done = ctl("status", environment={**nowhere, "FRESHET_NATS_URL": stack.nats.url})
    assert done.returncode == 1 and "streams " in done.stdout
    for command in (["migrate"], ["dead", "list"], ["import-follows", "-"]):
        done = ctl(*command, environment=nowhere, input="")
        assert done.returncode == 1 and done.stdout == "" and done.stderr


# ---- documents ----

@pytest.mark.parametrize("table", ["settings", "metrics"])
def test_operations_page_is_current(table):
    page = OPERATIONS.read_text(encoding="utf-8")
    block = re.search(rf"<!-- made by `freshetctl {table}`[^\n]*-->\n(.*?)<!-- end -->", page, re.S)
    assert block, f"{OPERATIONS} has no block for {table}"
    assert block.group(1) == ctl(table).stdout, f"docs/operations.md: replace the block by the output of: freshetctl {table}"


def test_operations_page_names_every_command():
    page = OPERATIONS.read_text(encoding="utf-8")
    for command in COMMANDS:
        assert command == "help" or f"`{command}" in page, command
