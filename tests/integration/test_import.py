"""freshetctl import-follows and import-posts: all or nothing, and what is imported is as if it had come by HTTP."""

import collections
import gzip
import random
import re
import signal
import subprocess

import pytest

from api import Api, User
from harness import BIN, ROOT, Stack, eventually
from outbox_lab import partition_of

SAMPLE = ROOT / "tests" / "data" / "sample-follows.tsv"
ENRON = ROOT.parent / "shared" / "data" / "email-enron.tsv.gz"
TABLES = "users, posts, outbox, followers, followees, follower_delta, feed_items, celebrities, celebrity_posts, node_lease"
NODE_AND_SEQUENCE_BITS = 22


@pytest.fixture(scope="module")
def servers():
    with Stack(gateways=0, materializers=0) as stack:
        yield stack


@pytest.fixture
def stack(servers):
    """A migrated database without a row, and no service."""
    servers.sql(f"TRUNCATE {TABLES}")
    return servers


def ctl(stack, *arguments, data=None, **settings):
    """freshetctl with bytes as its input; its CompletedProcess with texts."""
    environment = {**stack.environment, **{"FRESHET_" + name.upper(): str(value) for name, value in settings.items()}}
    done = subprocess.run([BIN / "freshetctl", *map(str, arguments)], env=environment, input=data, capture_output=True,
                          timeout=240, check=False)
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


def as_lines(pairs):
    return "".join(f"{a}\t{b}\n" for a, b in pairs).encode()


def edges_of(stack):
    return set(stack.sql("SELECT follower_id, followed_id FROM followees"))


def assert_nothing_there(stack):
    for table in TABLES.split(", "):
        if table != "node_lease":
            assert stack.sql(f"SELECT count(*) FROM {table}") == [(0,)], table


def assert_graph(stack, edges, threshold):
    """Every table that knows of follows, against the edges alone."""
    counted = collections.Counter(followed for _, followed in edges)
    celebrities = {user for user, followers in counted.items() if followers > threshold}
    people = {user for edge in edges for user in edge}
    assert edges_of(stack) == edges
    assert set(stack.sql("SELECT follower_id, followed_id FROM followers")) == edges
    assert dict(stack.sql("SELECT id, follower_count FROM users")) == {user: counted[user] for user in people}
    assert {row[0] for row in stack.sql("SELECT id FROM users WHERE is_celebrity")} == celebrities
    assert {row[0] for row in stack.sql("SELECT id FROM celebrities")} == celebrities
    return people, celebrities


def number(pattern, text):
    found = re.search(pattern, text)
    assert found, f"no {pattern!r} in {text!r}"
    return int(found.group(1))


# ---- follows ----

def test_a_real_graph_comes_whole(stack):
    path, threshold = (ENRON, 500) if ENRON.exists() else (SAMPLE, 50)
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path, encoding="ascii")
    with opened as lines:
        pairs = [tuple(map(int, line.split("\t"))) for line in lines]
    done = ctl(stack, "import-follows", path, f"--celebrity-threshold={threshold}")
    assert done.returncode == 0, done.stderr
    people, celebrities = assert_graph(stack, set(pairs), threshold)
    if path == ENRON:
        assert (len(pairs), len(people), len(celebrities)) == (367662, 36692, 32)
    else:
        assert len(celebrities) == 1
    assert number(r"(\d+) follows imported", done.stdout) == len(pairs)
    assert number(r"users: (\d+) made", done.stdout) == len(people)
    assert number(r"celebrities: (\d+) new", done.stdout) == len(celebrities)
    assert number(r"([\d.]+)(?:\.\d+)? rows/s", done.stdout) > 0
    assert stack.sql("SELECT first_name, second_name, password_hash FROM users WHERE id = %s", min(people)) == \
        [("User", str(min(people)), None)]
    # Nobody has posted: there is nothing to bring into a feed. Gateways are told who the celebrities are.
    told = {(6, author, author) for author in celebrities}
    assert set(stack.sql("SELECT kind, author_id, subject_id FROM outbox")) == told
    again = ctl(stack, "import-follows", path, f"--celebrity-threshold={threshold}")
    assert again.returncode == 0, again.stderr
    assert number(r"(\d+) follows imported", again.stdout) == 0
    assert number(r"(\d+) there already", again.stdout) == len(pairs)
    assert_graph(stack, set(pairs), threshold)


@pytest.mark.parametrize("way", ["plain", "gzip", "two gzip members", "plain on stdin", "gzip on stdin", "no last newline",
                                 "CRLF"])
def test_forms_of_input(stack, tmp_path, way):
    text = SAMPLE.read_bytes()
    data = {"gzip": gzip.compress(text), "gzip on stdin": gzip.compress(text), "no last newline": text.rstrip(b"\n"),
            "two gzip members": gzip.compress(text[:text.index(b"\n") + 1]) + gzip.compress(text[text.index(b"\n") + 1:]),
            "CRLF": text.replace(b"\n", b"\r\n")}.get(way, text)
    if way.endswith("stdin"):
        done = ctl(stack, "import-follows", "-", data=data, celebrity_threshold=50)
    else:
        (tmp_path / "follows").write_bytes(data)
        done = ctl(stack, "import-follows", tmp_path / "follows", celebrity_threshold=50)
    assert done.returncode == 0, done.stderr
    edges = {tuple(map(int, line.split())) for line in text.decode().splitlines()}
    assert_graph(stack, edges, 50)


def test_lines_that_are_there_twice_are_counted(stack):
    done = ctl(stack, "import-follows", "-", data=as_lines([(1, 2), (2, 1), (1, 2), (1, 2)]))
    assert done.returncode == 0, done.stderr
    assert "2 follows imported" in done.stdout and "2 twice" in done.stdout
    assert_graph(stack, {(1, 2), (2, 1)}, 500)


BAD_LINES = [
    (b"1", "must have two columns, divided by one tab"),
    (b"", "must have two columns, divided by one tab"),
    (b"1 2", "must have two columns, divided by one tab"),
    (b"1\t2\t3", "must have two columns, divided by one tab"),
    (b"1\t2\t", "must have two columns, divided by one tab"),
    (b"# 1\t2", "the follower is no id (1 to 19 digits, from 1)"),
    (b"\t2", "the follower is no id (1 to 19 digits, from 1)"),
    (b"0\t2", "the follower is no id (1 to 19 digits, from 1)"),
    (b"-1\t2", "the follower is no id (1 to 19 digits, from 1)"),
    (b"01\t2", "the follower is no id (1 to 19 digits, from 1)"),
    (b"9223372036854775808\t2", "the follower is no id (1 to 19 digits, from 1)"),
    (b"1\t", "the followed is no id (1 to 19 digits, from 1)"),
    (b"1\t2 ", "the followed is no id (1 to 19 digits, from 1)"),
    (b"1\tx", "the followed is no id (1 to 19 digits, from 1)"),
    (b"1\t2\0", "the followed is no id (1 to 19 digits, from 1)"),
    (b"7\t7", "nobody can follow themselves"),
    (b"1\t" + b"2" * 1000, "is longer than 128 bytes"),
    (b"x" * 600000, "is longer than 128 bytes"),
]


def test_bad_lines_are_named_and_nothing_is_imported(stack, tmp_path):
    good = [(10 + n, 5) for n in range(len(BAD_LINES) + 1)]
    text, expected = as_lines(good[:1]), []
    path = tmp_path / "follows"
    for (line, reason), pair in zip(BAD_LINES, good[1:]):
        text += line + b"\n" + as_lines([pair])
        expected.append(f"{path}:{2 * len(expected) + 2}: {reason}")
    path.write_bytes(text)
    done = ctl(stack, "import-follows", path)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith(str(path))] == expected
    assert f"{len(BAD_LINES)} bad lines" in done.stderr and "nothing was imported" in done.stderr
    assert done.stdout == ""
    assert_nothing_there(stack)
    done = ctl(stack, "import-follows", "--skip-bad", path)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith(str(path))] == expected
    assert f"{len(good)} follows imported" in done.stdout and f"{len(BAD_LINES)} bad" in done.stdout
    assert_graph(stack, set(good), 500)


def test_only_the_first_twenty_bad_lines_are_told(stack):
    done = ctl(stack, "import-follows", "-", data=b"x\n" * 57)
    assert done.returncode == 1
    assert done.stderr.count("standard input:") == 20 and "standard input:20:" in done.stderr
    assert "and 37 more" in done.stderr and "57 bad lines" in done.stderr
    assert_nothing_there(stack)


def test_damaged_and_missing_files(stack, tmp_path):
    whole = gzip.compress(SAMPLE.read_bytes() * 50, mtime=0)
    cases = [
        (whole[:len(whole) // 2], "it ends too early"),
        (whole[:-8] + bytes(4) + whole[-4:], "is damaged"),
        (whole[:100] + bytes(200) + whole[300:], "is damaged"),
    ]
    for data, message in cases:
        (tmp_path / "follows").write_bytes(data)
        done = ctl(stack, "import-follows", tmp_path / "follows")
        assert done.returncode == 1 and message in done.stderr and "nothing was imported" in done.stderr, done.stderr
        assert_nothing_there(stack)
    done = ctl(stack, "import-follows", tmp_path / "none")
    assert done.returncode == 1 and "No such file" in done.stderr
    done = ctl(stack, "import-follows", tmp_path)
    assert done.returncode == 1 and "is a folder" in done.stderr
    assert_nothing_there(stack)


def test_nobody_follows_more_than_ten_thousand(stack):
    many = [(1, followed) for followed in range(2, 10003)]
    done = ctl(stack, "import-follows", "-", data=as_lines(many))
    assert done.returncode == 1
    assert "user 1 would follow 10001 people; 10000 is the most" in done.stderr and "nothing was imported" in done.stderr
    assert_nothing_there(stack)
    done = ctl(stack, "import-follows", "-", data=as_lines(many[:-1]))
    assert done.returncode == 0, done.stderr
    # Those that are there count too; the ones that are there already don't count twice.
    done = ctl(stack, "import-follows", "-", data=as_lines(many))
    assert done.returncode == 1 and "user 1 would follow 10001 people" in done.stderr
    assert edges_of(stack) == set(many[:-1])


def test_deleted_accounts(stack):
    stack.make_users(3, first=1)
    stack.sql("UPDATE users SET deleted_at = now() WHERE id = 2")
    lines = as_lines([(1, 2), (2, 3), (1, 3), (4, 1)])
    done = ctl(stack, "import-follows", "-", data=lines)
    assert done.returncode == 1 and "the account of user 2 is deleted" in done.stderr
    assert edges_of(stack) == set() and stack.sql("SELECT count(*) FROM users") == [(3,)]
    done = ctl(stack, "import-follows", "-", "--skip-bad", data=lines)
    assert done.returncode == 0 and "2 of deleted accounts" in done.stdout
    assert edges_of(stack) == {(1, 3), (4, 1)}


def test_users_that_are_there_keep_what_they_have(stack):
    stack.make_users(2, first=1)
    stack.sql("UPDATE users SET first_name = 'Ada', password_hash = 'x', last_post_id = 0 WHERE id = 1")
    stack.make_follows([(2, 1)])
    done = ctl(stack, "import-follows", "-", data=as_lines([(3, 1), (2, 1), (1, 2)]))
    assert done.returncode == 0, done.stderr
    assert "2 follows imported" in done.stdout and "1 there already" in done.stdout and "1 made" in done.stdout
    assert stack.sql("SELECT first_name, password_hash, follower_count FROM users WHERE id = 1") == [("Ada", "x", 2)]


def test_counts_that_are_not_folded_yet_make_celebrities_too(stack):
    stack.make_users(3, first=1)
    stack.sql("INSERT INTO followees (follower_id, followed_id) VALUES (2, 1)")
    stack.sql("INSERT INTO followers (followed_id, follower_id) VALUES (1, 2)")
    stack.sql("INSERT INTO follower_delta VALUES (1, 1)")
    done = ctl(stack, "import-follows", "-", data=as_lines([(3, 1), (4, 1)]), celebrity_threshold=2)
    assert done.returncode == 0, done.stderr
    assert stack.sql("SELECT is_celebrity, follower_count FROM users WHERE id = 1") == [(True, 2)]
    assert stack.sql("SELECT id FROM celebrities") == [(1,)]


@pytest.mark.parametrize("number_of_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_import_leaves_nothing(stack, number_of_signal):
    def copying():
        return stack.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'freshetctl' AND query LIKE '%%COPY%%' "
                         "AND state = 'active' AND wait_event = 'ClientRead'")

    child = subprocess.Popen([BIN / "freshetctl", "import-follows", "-"], env=stack.environment, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        child.stdin.write(as_lines((n, n + 1) for n in range(1, 50000)))
        child.stdin.flush()
        eventually(copying, what="a COPY that waits for more")
        child.send_signal(number_of_signal)
        out, told = child.communicate(timeout=60)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    if number_of_signal == signal.SIGKILL:
        assert child.returncode == -signal.SIGKILL
    else:
        assert child.returncode == 130
        assert b"interrupted" in told and b"nothing was imported" in told
    assert out == b""
    eventually(lambda: stack.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'freshetctl'") == [(0,)],
               what="the end of the session")
    assert_nothing_there(stack)


def test_an_import_waits_for_whoever_holds_its_people_and_can_be_interrupted_then(stack):
    stack.make_users(2, first=1)
    blocker = stack.postgres.connect()
    try:
        blocker.cursor().execute("SELECT FROM users WHERE id = 1 FOR NO KEY UPDATE")
        child = subprocess.Popen([BIN / "freshetctl", "import-follows", "-"], env=stack.environment, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdin.write(as_lines([(1, 2), (3, 1)]))
        child.stdin.close()
        eventually(lambda: stack.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'freshetctl' AND "
                                     "wait_event_type = 'Lock'"), what="an import that waits for a lock")
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 130
        assert b"nothing was imported" in child.stderr.read()
    finally:
        blocker.close()
        if child.poll() is None:
            child.kill()
            child.wait()
        child.stdout.close()
        child.stderr.close()
    assert edges_of(stack) == set() and stack.sql("SELECT count(*) FROM users") == [(2,)]


def test_follows_of_people_who_have_posts_are_told_to_the_materializer(stack):
    stack.make_users(4, first=1)
    stack.sql("UPDATE users SET last_post_id = 77 WHERE id IN (1, 2)")
    stack.make_follows([(3, 1)])
    done = ctl(stack, "import-follows", "-", data=as_lines([(3, 1), (4, 1), (5, 1), (4, 2), (1, 3)]))
    assert done.returncode == 0, done.stderr
    assert number(r"events: (\d+)", done.stdout) == 3
    assert stack.sql("SELECT author_id, partition, kind, subject_id, state FROM outbox ORDER BY 1, 4") == [
        (author, partition_of(author), 4, follower, 0) for author, follower in [(1, 4), (1, 5), (2, 4)]]


def test_pages_are_right_after_imports_between_posts(own_stack):
    """Posts before, between and after imports, one author a celebrity in the end: everyone's page holds every post."""
    stack = own_stack(celebrity_threshold=3)
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    stack.make_users(8, first=1)
    users = {number: User(str(number), token=stack.mint(number)) for number in range(1, 9)}
    posts = collections.defaultdict(list)

    def post(author):
        posts[author].append(api.post(users[author], f"post {len(posts[author])} of {author}"))

    def check(edges):
        stack.settled()
        for reader, user in users.items():
            expected = sorted((post for a, b in edges if a == reader for post in posts[b]), key=int, reverse=True)
            assert api.feed_ids(user) == expected, f"user {reader}"

    post(1)
    post(2)
    first = {(3, 1), (4, 1), (3, 2)}
    assert ctl(stack, "import-follows", "-", data=as_lines(first)).returncode == 0
    check(first)
    post(1)
    second = first | {(5, 1), (6, 1), (7, 1), (8, 2), (1, 2)}
    assert ctl(stack, "import-follows", "-", data=as_lines(second)).returncode == 0
    assert stack.sql("SELECT id FROM users WHERE is_celebrity") == [(1,)]
    post(1)
    post(2)
    check(second)
    third = second | {(8, 1)}
    assert ctl(stack, "import-follows", "-", data=as_lines([(8, 1)])).returncode == 0
    post(1)
    check(third)


# ---- posts ----

def make_fortunes(folder):
    """Fortune files of all sorts; what is good in them, in order."""
    (folder / "b-plain").write_text("one\n%\ntwo\nlines\n%\n")
    (folder / "a-edges").write_text("%\n  \tthree  \n\n%\n \n%\n%\nfour %\n%%\n%\nä€😀", encoding="utf-8")
    (folder / "c-crlf").write_bytes(b"five\r\n%\r\nsix\r\n")
    (folder / "d-longest").write_bytes(b"x" * 4096 + b"\n")
    (folder / "empty").write_bytes(b"")
    (folder / "b-plain.dat").write_bytes(b"\0\1\2")
    (folder / "b-plain.u8").write_text("not this\n")
    (folder / ".hidden").write_text("nor this\n")
    (folder / "link").symlink_to("b-plain")
    (folder / "off").mkdir()
    (folder / "off" / "deeper").write_text("nor that\n")
    return ["three", "four %\n%%", "ä€😀", "one", "two\nlines", "five", "six", "x" * 4096]


def posts_of(stack):
    return stack.sql("SELECT author_id, id, body FROM posts ORDER BY id")


def test_posts_come_whole(stack, tmp_path):
    bodies = make_fortunes(tmp_path)
    stack.make_users(3, first=1)
    stack.sql("UPDATE users SET deleted_at = now() WHERE id = 2")
    done = ctl(stack, "import-posts", tmp_path)
    assert done.returncode == 0, done.stderr
    posts = posts_of(stack)
    assert [body for _, _, body in posts] == bodies
    assert {author for author, _, _ in posts} <= {1, 3}
    assert number(r"(\d+) posts imported", done.stdout) == len(bodies)
    newest = {}
    for author, post, _ in posts:
        newest[author] = post
    assert dict(stack.sql("SELECT id, last_post_id FROM users WHERE last_post_id > 0")) == newest
    assert stack.sql("SELECT author_id, partition, kind, subject_id, state FROM outbox ORDER BY event_id") == [
        (author, partition_of(author), 1, post, 0) for author, post, _ in posts]
    # The ids tell the time at which they were made, by a node number that was leased.
    times = stack.sql("SELECT bool_and(abs(extract(epoch FROM p.created_at) - "
                      "(1735689600 + (p.id >> %s) / 1000.0)) < 30) FROM posts p", NODE_AND_SEQUENCE_BITS)
    assert times == [(True,)]
    assert {(post >> 12) & 1023 for _, post, _ in posts} == {row[0] for row in stack.sql("SELECT node FROM node_lease")}


def test_the_seed_makes_the_choice(stack, tmp_path):
    (tmp_path / "texts").write_text("".join(f"text {n}\n%\n" for n in range(300)))
    choices = []
    for seed in (1, 1, 2):
        stack.sql(f"TRUNCATE {TABLES}")
        stack.make_users(20, first=1)
        assert ctl(stack, "import-posts", tmp_path, "--seed", seed).returncode == 0
        choices.append([author for author, _, _ in posts_of(stack)])
    assert choices[0] == choices[1] != choices[2]
    assert set(choices[0]) == set(range(1, 21)), "300 texts for 20 people leave nobody out"


def test_limit_of_posts(stack, tmp_path):
    bodies = make_fortunes(tmp_path)
    stack.make_users(2, first=1)
    assert ctl(stack, "import-posts", tmp_path, "--limit=2").returncode == 0
    assert [body for _, _, body in posts_of(stack)] == bodies[:2]
    for wrong in ("0", "-1", "many", ""):
        done = ctl(stack, "import-posts", tmp_path, f"--limit={wrong}")
        assert done.returncode == 2 and "--limit" in done.stderr
    assert len(posts_of(stack)) == 2


def test_bad_texts_are_named_and_nothing_is_imported(stack, tmp_path):
    stack.make_users(2, first=1)
    path = tmp_path / "texts"
    path.write_bytes(b"good\n%\n\n\nbad \xff\n%\n \n%\n" + b"y" * 4097 + b"\n%\nnul\0\n%\n\xed\xa0\x80\n%\nalso good\n")
    expected = [f"{path}:5: the text is not valid UTF-8",
                f"{path}:9: the text is longer than 4096 bytes: 4097", f"{path}:11: the text is not valid UTF-8",
                f"{path}:13: the text is not valid UTF-8"]
    done = ctl(stack, "import-posts", tmp_path)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith(str(path))] == expected
    assert "4 bad texts" in done.stderr and "nothing was imported" in done.stderr
    assert posts_of(stack) == [] and stack.sql("SELECT count(*) FROM outbox") == [(0,)]
    done = ctl(stack, "import-posts", "--skip-bad", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [body for _, _, body in posts_of(stack)] == ["good", "also good"]


def test_posts_without_users_or_texts(stack, tmp_path):
    (tmp_path / "only.dat").write_text("x")
    done = ctl(stack, "import-posts", tmp_path)
    assert done.returncode == 1 and "no fortune file" in done.stderr
    (tmp_path / "texts").write_text("%\n%\n")
    done = ctl(stack, "import-posts", "--skip-bad", tmp_path)
    assert done.returncode == 1 and "no text" in done.stderr
    (tmp_path / "texts").write_text("text\n")
    done = ctl(stack, "import-posts", tmp_path)
    assert done.returncode == 1 and "no users" in done.stderr
    done = ctl(stack, "import-posts", tmp_path / "none")
    assert done.returncode == 1 and "No such file" in done.stderr


def test_ids_of_an_author_rise_even_past_one_from_a_clock_ahead(stack, tmp_path):
    (tmp_path / "texts").write_text("one\n%\ntwo\n%\nthree\n")
    stack.make_users(1, first=1)
    ahead = stack.sql("SELECT (((extract(epoch FROM now()) + 5) * 1000)::bigint - 1735689600000) << %s",
                      NODE_AND_SEQUENCE_BITS)[0][0]
    stack.sql("UPDATE users SET last_post_id = %s", ahead)
    assert ctl(stack, "import-posts", tmp_path).returncode == 0
    posts = posts_of(stack)
    assert [body for _, _, body in posts] == ["one", "two", "three"] and posts[0][1] > ahead
    # Farther ahead than a lease reaches, no id may be made.
    far = ahead + (3600000 << NODE_AND_SEQUENCE_BITS)
    stack.sql("UPDATE users SET last_post_id = %s", far)
    done = ctl(stack, "import-posts", tmp_path)
    assert done.returncode == 1 and "nothing was imported" in done.stderr
    assert len(posts_of(stack)) == 3 and stack.sql("SELECT last_post_id FROM users") == [(far,)]


def test_two_imports_never_make_the_same_id(stack, tmp_path):
    (tmp_path / "texts").write_text("".join(f"text {n}\n%\n" for n in range(2000)))
    stack.make_users(50, first=1)
    children = [subprocess.Popen([BIN / "freshetctl", "import-posts", tmp_path, f"--seed={n}"], env=stack.environment,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for n in range(3)]
    ended = [(child.communicate(timeout=120)[0], child.returncode) for child in children]
    assert [code for _, code in ended] == [0, 0, 0], ended
    assert stack.sql("SELECT count(*), count(DISTINCT id) FROM posts") == [(6000, 6000)]
    assert stack.sql("SELECT count(*) FROM node_lease") == [(3,)]


def test_interrupted_posts_leave_nothing(stack, tmp_path):
    (tmp_path / "texts").write_text("one\n%\ntwo\n")
    stack.make_users(1, first=1)
    blocker = stack.postgres.connect()
    try:
        blocker.cursor().execute("SELECT FROM users FOR NO KEY UPDATE")
        child = subprocess.Popen([BIN / "freshetctl", "import-posts", tmp_path], env=stack.environment,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        eventually(lambda: stack.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'freshetctl' AND "
                                     "wait_event_type = 'Lock'"), what="an import that waits for a lock")
        child.send_signal(signal.SIGTERM)
        _, told = child.communicate(timeout=60)
    finally:
        blocker.close()
        if child.poll() is None:
            child.kill()
            child.wait()
    assert child.returncode == 130 and b"nothing was imported" in told
    assert posts_of(stack) == [] and stack.sql("SELECT last_post_id FROM users") == [(0,)]
    # The node number was given back.
    assert stack.sql("SELECT until < now() + interval '10 s' FROM node_lease") == [(True,)]


def test_imported_posts_reach_the_feeds(own_stack, tmp_path):
    stack = own_stack(celebrity_threshold=3)
    api = Api(f"http://127.0.0.1:{stack.gateway.port}")
    chance = random.Random(5)
    people = list(range(1, 13))
    edges = {(a, b) for a in people for b in people if a != b and chance.random() < (0.9 if b == 1 else 0.2)}
    (tmp_path / "texts").write_text("".join(f"text {n}\n%\n" for n in range(60)))
    assert ctl(stack, "import-follows", "-", data=as_lines(edges)).returncode == 0
    assert ctl(stack, "import-posts", tmp_path).returncode == 0
    stack.settled()
    posts = posts_of(stack)
    for user in people:
        expected = [str(post) for author, post, _ in reversed(posts) if (user, author) in edges]
        assert api.feed_ids(User(str(user), token=stack.mint(user))) == expected, f"user {user}"
